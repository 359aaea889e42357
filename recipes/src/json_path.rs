//! Paths into a JSON body, as receipts name them: `$.id`, `$.data.posts[0].id`. No filters, no wildcards: a receipt names
//! one place.

use serde_json::Value;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Key(String),
    Index(usize),
}

/// Splits a path; `None` when it is none.
pub(crate) fn parse(path: &str) -> Option<Vec<Segment>> {
    let mut rest = path.strip_prefix('$')?;
    let mut segments = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let length = after.find(['.', '[']).unwrap_or(after.len());
            let (key, tail) = after.split_at_checked(length)?;
            if key.is_empty() || !key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
                return None;
            }
            segments.push(Segment::Key(key.to_owned()));
            rest = tail;
        } else {
            let (index, tail) = rest.strip_prefix('[')?.split_once(']')?;
            if !index.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            segments.push(Segment::Index(index.parse().ok()?));
            rest = tail;
        }
    }
    (!segments.is_empty()).then_some(segments)
}

/// The value at a path.
pub(crate) fn follow<'v>(path: &[Segment], body: &'v Value) -> Option<&'v Value> {
    path.iter().try_fold(body, |value, segment| match segment {
        Segment::Key(key) => value.get(key),
        Segment::Index(index) => value.get(index),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_one_place() {
        let body = serde_json::json!({"data": {"posts": [{"id": "p_1"}]}});
        let path = parse("$.data.posts[0].id").unwrap();
        assert_eq!(follow(&path, &body), Some(&Value::from("p_1")));
        assert_eq!(follow(&parse("$.data.posts[1].id").unwrap(), &body), None);
        for wrong in ["", "$", "id", "$id", "$.", "$..id", "$.a[", "$.a[x]", "$.a[+1]", "$.*", "$.a[]"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
