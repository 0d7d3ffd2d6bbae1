//! The text of `GET /metrics`, as the server writes it.

use std::collections::{BTreeMap, HashMap};

type Labels = BTreeMap<String, String>;

/// Values by name and labels.
#[derive(Debug, Default)]
pub(super) struct Numbers(HashMap<String, Vec<(Labels, f64)>>);

impl Numbers {
    /// Takes what it can read: a server that is newer may tell more.
    pub(super) fn read(text: &str) -> Self {
        let mut numbers = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, labels, value)) = sample(line) {
                numbers.0.entry(name.to_owned()).or_default().push((labels, value));
            }
        }
        numbers
    }

    fn of<'a>(
        &'a self,
        name: &str,
        labels: &'a [(&str, &str)],
    ) -> impl Iterator<Item = &'a (Labels, f64)> {
        let all = self.0.get(name).map_or(&[][..], Vec::as_slice);
        all.iter().filter(move |(known, _)| {
            labels.iter().all(|(label, value)| known.get(*label).is_some_and(|it| it == value))
        })
    }

    /// Of all that have these labels among theirs.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.of(name, labels).map(|(_, value)| value).sum()
    }

    /// The labels under which something is told.
    pub(super) fn labelled(&self, name: &str) -> impl Iterator<Item = &Labels> {
        self.of(name, &[]).map(|(labels, _)| labels)
    }

    /// Of a histogram the value that a share does not exceed, as far as its buckets tell: between
    /// their bounds it is taken for evenly spread. `None` when nothing was counted.
    pub(super) fn quantile(&self, name: &str, labels: &[(&str, &str)], share: f64) -> Option<f64> {
        let name = format!("{name}_bucket");
        let buckets = self.of(&name, labels).filter_map(|(labels, count)| {
            let bound = match labels.get("le")?.as_str() {
                "+Inf" => f64::INFINITY,
                bound => bound.parse().ok()?,
            };
            Some((bound, *count))
        });
        let mut buckets: Vec<_> = buckets.collect();
        buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let wanted = buckets.last().map(|(_, count)| count * share).filter(|count| *count > 0.0)?;
        let (mut least, mut below) = (0.0, 0.0);
        for (bound, count) in buckets {
            if count >= wanted {
                // Nothing is known of how large the largest are.
                let reach = if bound.is_finite() { bound - least } else { 0.0 };
                return Some(least + reach * (wanted - below) / (count - below));
            }
            (least, below) = (bound, count);
        }
        None
    }
}

/// A line `name{label="value"} 1.5`, with a time after it or not.
fn sample(line: &str) -> Option<(&str, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, value) = rest.trim_start_matches(',').split_once("=\"")?;
            let (value, after) = quoted(value)?;
            labels.insert(label.to_owned(), value);
            rest = after;
        }
        rest = &rest[1..];
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some((name, labels, value))
}

/// A value up to its quotation mark, and what follows that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

/// A number that counts something.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it counts something")]
pub(super) fn whole(number: f64) -> u64 {
    number.max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP pawl_rpcs Calls
# TYPE pawl_rpcs counter
pawl_rpcs_total{service="s",method="a",code="OK"} 3
pawl_rpcs_total{service="s",method="a",code="NOT_FOUND"} 1
pawl_rpcs_total{service="s",method="b",code="OK"} 5
pawl_odd{name="a \"b\", c=\\d}"} 1.5 1700000000
pawl_events_total 12
pawl_seconds_bucket{le="0.001"} 2
pawl_seconds_bucket{le="0.01"} 4
pawl_seconds_bucket{le="+Inf"} 4
pawl_large_bucket{le="1.0"} 0
pawl_large_bucket{le="+Inf"} 9
pawl_empty_bucket{le="+Inf"} 0
broken{
# EOF
"#;

    #[test]
    fn what_the_server_writes_is_read() {
        let numbers = Numbers::read(TEXT);
        let sum = |name, labels: &[(&str, &str)]| whole(numbers.sum(name, labels));
        assert_eq!(sum("pawl_rpcs_total", &[]), 9);
        assert_eq!(sum("pawl_rpcs_total", &[("method", "a")]), 4);
        assert_eq!(sum("pawl_rpcs_total", &[("method", "a"), ("code", "OK")]), 3);
        assert_eq!((sum("pawl_events_total", &[]), sum("nothing", &[])), (12, 0));
        let odd: Vec<_> = numbers.labelled("pawl_odd").map(|labels| &*labels["name"]).collect();
        assert_eq!(odd, ["a \"b\", c=\\d}"]);
    }

    #[test]
    fn quantiles_lie_between_the_bounds_of_their_bucket() {
        let numbers = Numbers::read(TEXT);
        let near = |name, share, wanted: f64| {
            let found = numbers.quantile(name, &[], share).expect("something was counted");
            assert!((found - wanted).abs() < 1e-9, "{name} {share}: {found}, not {wanted}");
        };
        near("pawl_seconds", 0.25, 0.000_5);
        near("pawl_seconds", 0.5, 0.001);
        near("pawl_seconds", 0.75, 0.005_5);
        near("pawl_seconds", 1.0, 0.01);
        near("pawl_large", 0.5, 1.0);
        assert_eq!(numbers.quantile("pawl_empty", &[], 0.5), None);
        assert_eq!(numbers.quantile("nothing", &[], 0.5), None);
    }
}
