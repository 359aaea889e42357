//! The result as JUnit XML, which build servers read.

use crate::replay::Played;

/// The whole document.
pub fn render(all: &[Played]) -> String {
    let failed = all.iter().filter(|p| p.found.is_ok() && !p.passed()).count();
    let errors = all.iter().filter(|p| p.found.is_err()).count();
    let seconds: f64 = all.iter().map(|p| p.took().as_secs_f64()).sum();
    let cases: String = all.iter().map(case).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"deed replay\" tests=\"{}\" \
         failures=\"{failed}\" errors=\"{errors}\" time=\"{seconds:.3}\">\n{cases}</testsuite>\n</testsuites>\n",
        all.len()
    )
}

fn case(played: &Played) -> String {
    let (platform, name) = played.name.split_once('/').unwrap_or(("", &played.name));
    let head = format!(
        "<testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        escaped(platform),
        escaped(name),
        played.took().as_secs_f64()
    );
    if played.passed() {
        return format!("{head}/>\n");
    }
    let kind = if played.found.is_ok() { "failure" } else { "error" };
    let words = played.differs.join("\n");
    let first = played.differs.first().map_or("", String::as_str);
    format!("{head}>\n<{kind} message=\"{}\">{}</{kind}>\n</testcase>\n", escaped(first), escaped(&words))
}

/// Text as XML; what XML can not hold at all becomes a mark.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, letter| {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push('\t'),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            other => out.push(other),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_a_failure_and_is_escaped() {
        let played = |differs: Vec<String>| Played {
            name: "practice/slow".into(),
            expected: "queued".into(),
            found: Ok(crate::replay::scenario::Found::default()),
            differs,
        };
        let xml = render(&[played(Vec::new()), played(vec!["a <b> & \"c\"\u{1b}".into()])]);
        assert!(xml.contains("tests=\"2\" failures=\"1\" errors=\"0\""), "{xml}");
        assert!(xml.contains("message=\"a &lt;b&gt; &amp; &quot;c&quot;\u{fffd}\""), "{xml}");
        assert!(xml.contains("<testcase classname=\"practice\" name=\"slow\" time=\"0.000\"/>"), "{xml}");
    }
}
