//! What the platform takes and does not publish yet: it is looked at again, by the real process over both engines, until it is public or a
//! person is told; and nothing is ever pressed again.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deed_fixtures::{Faults, Practice, PracticeConfig, Review};
use deed_tests::process::Home;
use deed_tests::recipe_yaml_settling_in;

use crate::postgres;
use serde_json::Value;

/// How long anything here may take.
const WITHIN: Duration = Duration::from_secs(240);

/// A platform that reviews what it is sent, and a home on each engine; the recipe looks again soon, so many times.
struct Scene {
    runtime: tokio::runtime::Runtime,
    practice: Practice,
    homes: [(&'static str, Home); 2],
}

impl Scene {
    fn new(looks_max: u32) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let practice = runtime.block_on(Practice::start(PracticeConfig::default())).expect("the platform");
        practice.set_faults(Faults { pending_review: true, ..Faults::default() });
        let homes = [("a file", Home::empty()), ("a server", Home::on_server(&postgres::new_schema()))];
        let yaml = recipe_yaml_settling_in(2);
        let changed = yaml
            .replace("reads_max: 5\n", &format!("reads_max: 5\n      review_s: 1\n      reviews_max: {looks_max}\n"));
        assert_ne!(yaml, changed, "its reads were found");
        for (_, home) in &homes {
            std::fs::write(home.path().join("recipes/practice/recipe.yaml"), &changed).expect("the recipe");
            home.connect(&practice);
        }
        Self { runtime, practice, homes }
    }

    fn end(self) {
        self.runtime.block_on(self.practice.stop());
    }
}

/// A worker that is ended whatever happens.
struct Worker(Child);

impl Worker {
    fn start(home: &Home) -> Self {
        let log = std::fs::File::create(home.path().join("worker.log")).unwrap();
        let mut command = home.command(&["work", "--lease", "20"]);
        Self(command.stdout(Stdio::null()).stderr(log).spawn().expect("a worker starts"))
    }

    fn ask_to_end(mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(asked.is_ok_and(|status| status.success()));
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The only action, as the ledger has it.
fn action(home: &Home) -> Value {
    home.run(home.command(&["queue", "list"])).json[0].clone()
}

fn until(home: &Home, what: &str, so: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + WITHIN;
    loop {
        let action = action(home);
        if so(&action) {
            return action;
        }
        let log = std::fs::read_to_string(home.path().join("worker.log")).unwrap_or_default();
        assert!(Instant::now() < end, "{what}: {action:#}\n{log}");
        // Each look is a process of its own.
        std::thread::park_timeout(Duration::from_millis(600));
    }
}

/// Posts it, and finds it waiting.
fn posted(scene: &Scene, home: &Home, text: &str) {
    home.order(text);
    let said = home.run(home.command(&["act", "order.json"]));
    assert_eq!((said.code, said.json["state"].as_str()), (0, Some("confirmed_success")), "{said:?}");
    assert_eq!(
        (&said.json["visibility"], &said.json["proof_level"]),
        (&"pending_review".into(), &2.into()),
        "{said:?}"
    );
    assert!(said.json["verify_at"].is_string(), "a worker looks again: {said:?}");
    assert_eq!(scene.practice.truth().publishes_of(text), 1);
}

fn warnings(home: &Home) -> Vec<(String, String)> {
    let said = home.run(home.command(&["warning", "list"]));
    let text = |warning: &Value, name: &str| warning[name].as_str().unwrap_or_default().to_owned();
    said.json.as_array().unwrap().iter().map(|w| (text(w, "kind"), text(w, "severity"))).collect()
}

/// It is told when the claim is let go of, a moment after the last look was kept. A worker that is ended in between has the next one
/// look once more.
fn left_to_a_person(home: &Home, worker: Worker) {
    until(home, "a person is told", |_| !warnings(home).is_empty());
    worker.ask_to_end();
    assert_eq!(warnings(home), [("not_public".to_owned(), "LOW".to_owned())]);
}

/// What was looked at is sealed anew, and nobody wrote anything to the platform but the one press.
fn proved(scene: &Scene, home: &Home, text: &str) {
    let id = action(home)["action_id"].as_str().unwrap().to_owned();
    home.ok(&["proof", "verify", &id]);
    assert_eq!(home.run(home.command(&["audit", "verify"])).json["ok"], true);
    assert_eq!(scene.practice.truth().publishes_of(text), 1, "nothing is pressed again");
    assert!(home.browsers_left().is_empty());
}

#[test]
fn what_waits_for_review_is_looked_at_until_it_is_public_and_nothing_is_pressed_again() {
    let scene = Scene::new(100);
    for (engine, home) in &scene.homes {
        let text = format!("Waits, its ledger in {engine}");
        posted(&scene, home, &text);
        let first = action(home)["verify_at"].clone();
        let worker = Worker::start(home);
        // It looked, found nothing new, and put off the next look.
        let waiting = until(home, "a look", |a| a["verify_at"].is_string() && a["verify_at"] != first);
        assert_eq!(
            (&waiting["state"], &waiting["visibility"]),
            (&"confirmed_success".into(), &"pending_review".into())
        );
        scene.practice.review(Review::Publish);
        let public = until(home, "it is public", |a| a["state"] == "postcheck_complete");
        assert_eq!((&public["visibility"], &public["proof_level"]), (&"public".into(), &3.into()), "{public:#}");
        assert!(public["verify_at"].is_null(), "{public:#}");
        worker.ask_to_end();
        let stream = home.ok(&["queue", "watch", "--outcomes"]);
        let told: Vec<_> = ["\"action.confirmed_success\"", "\"action.postcheck_complete\""]
            .map(|kind| stream.matches(kind).count())
            .into();
        assert_eq!(told, [1, 1], "{stream}");
        let statuses = home.ok(&["audit", "tail", "-n", "20"]);
        assert!(statuses.contains("visibility"), "{statuses}");
        assert_eq!(warnings(home), []);
        proved(&scene, home, &text);
    }
    scene.end();
}

#[test]
fn after_the_last_look_a_person_is_told_and_may_have_it_looked_at_again() {
    let scene = Scene::new(2);
    for (engine, home) in &scene.homes {
        let text = format!("Waits for long, its ledger in {engine}");
        posted(&scene, home, &text);
        let worker = Worker::start(home);
        let left = until(home, "the last look", |a| a["verify_at"].is_null());
        assert_eq!((&left["state"], &left["visibility"]), (&"confirmed_success".into(), &"pending_review".into()));
        left_to_a_person(home, worker);
        // The same order again only looks.
        scene.practice.review(Review::Publish);
        let said = home.run(home.command(&["act", "order.json"]));
        assert_eq!((said.code, said.json["state"].as_str()), (0, Some("postcheck_complete")), "{said:?}");
        assert_eq!(said.json["visibility"], "public");
        proved(&scene, home, &text);
    }
    scene.end();
}

#[test]
fn what_is_gone_after_its_review_is_told_to_a_person_and_stays_confirmed() {
    let scene = Scene::new(100);
    for (engine, home) in &scene.homes {
        let text = format!("Refused, its ledger in {engine}");
        posted(&scene, home, &text);
        scene.practice.review(Review::Refuse);
        let worker = Worker::start(home);
        let gone = until(home, "it is gone", |a| a["visibility"] == "gone" && a["verify_at"].is_null());
        // What was confirmed never goes back; the same order is the same action for ever.
        assert_eq!((&gone["state"], &gone["proof_level"]), (&"confirmed_success".into(), &2.into()), "{gone:#}");
        left_to_a_person(home, worker);
        let said = home.run(home.command(&["act", "order.json"]));
        assert_eq!((said.code, said.json["visibility"].as_str()), (0, Some("gone")), "{said:?}");
        proved(&scene, home, &text);
    }
    scene.end();
}
