//! The judgements on a bounded labelled corpus; `make judgement` runs the long form.

use deed_tests::judgement::{Config, run};

#[tokio::test(flavor = "multi_thread")]
async fn the_bars_hold_on_a_bounded_corpus() {
    let report = run(Config { seed: 2026, pages: 120, at_once: 4, short: true }).await;
    println!("{}", report.text());
    assert_eq!(report.missed(), Vec::<String>::new(), "{}", report.text());
}
