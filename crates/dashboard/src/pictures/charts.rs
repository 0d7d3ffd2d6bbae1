//! Charts as SVG in the page: their colours come from the style sheet, so that they can be read on
//! light and dark ground, and what they say is said in words, too.

use maud::{Markup, html};

/// Sizes in the chart's own measure; it is as wide as the page.
const WIDTH: u64 = 720;
const LABELS: u64 = 190;
const NUMBERS: u64 = 110;
const LINE: u64 = 26;
const HEIGHT: u64 = 120;
/// How much of a label fits.
const LABEL_MAX_CHARS: usize = 26;

/// One bar that lies.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: u64,
    /// A longer one behind it.
    pub(super) second: Option<u64>,
    /// The value in words.
    pub(super) told: String,
}

/// Bars below each other; `text` says what they show.
pub(super) fn bars(bars: &[Bar], text: &str) -> Markup {
    let values = bars.iter().flat_map(|bar| [bar.value, bar.second.unwrap_or_default()]);
    let most = values.max().unwrap_or_default();
    let room = WIDTH - LABELS - NUMBERS;
    let height = LINE * u64::try_from(bars.len()).unwrap_or_default();
    html! {
        svg.chart role="img" viewBox={ "0 0 " (WIDTH) " " (height) } aria-label=(text) {
            title { (text) }
            @for (index, bar) in (0..).zip(bars) {
                @let top = index * LINE;
                text.label x=(LABELS - 8) y=(top + 17) text-anchor="end" { (clipped(&bar.label)) }
                @if let Some(second) = bar.second {
                    rect.second x=(LABELS) y=(top + 8) width=(share(second, most, room)) height="10" rx="2" {}
                }
                rect.bar x=(LABELS) y=(top + 4) width=(share(bar.value, most, room)) height="18" rx="2" {}
                @let end = LABELS + share(bar.value.max(bar.second.unwrap_or_default()), most, room);
                text x=(end + 8) y=(top + 17) { (bar.told) }
            }
        }
    }
}

/// Columns beside each other, the latest at the right; `text` says what they show.
pub(super) fn columns(counts: &[usize], text: &str) -> Markup {
    let counts: Vec<u64> =
        counts.iter().map(|count| u64::try_from(*count).unwrap_or(u64::MAX)).collect();
    let most = counts.iter().max().copied().unwrap_or_default();
    let each = WIDTH / u64::try_from(counts.len().max(1)).unwrap_or(1);
    html! {
        svg.chart role="img" viewBox={ "0 0 " (WIDTH) " " (HEIGHT + 36) } aria-label=(text) {
            title { (text) }
            text.label x="0" y="12" { (most) }
            line.grid x1="0" x2=(WIDTH) y1="16" y2="16" {}
            @for (index, count) in (0..).zip(&counts) {
                @let high = share(*count, most, HEIGHT);
                rect.bar x=(index * each + 1) y=(16 + HEIGHT - high) width=(each - 2) height=(high) {}
            }
            line.axis x1="0" x2=(WIDTH) y1=(16 + HEIGHT) y2=(16 + HEIGHT) {}
            text.label x="0" y=(HEIGHT + 32) { "an hour ago" }
            text.label x=(WIDTH) y=(HEIGHT + 32) text-anchor="end" { "now" }
        }
    }
}

/// How long a bar is; what is there can be seen.
fn share(value: u64, most: u64, room: u64) -> u64 {
    let long = u128::from(value) * u128::from(room) / u128::from(most.max(1));
    u64::try_from(long).unwrap_or(room).max(u64::from(value > 0))
}

fn clipped(label: &str) -> String {
    match label.char_indices().nth(LABEL_MAX_CHARS) {
        Some((end, _)) => format!("{}…", &label[..end]),
        None => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_what_they_show() {
        for (value, most, long) in [(0, 0, 0), (0, 9, 0), (9, 9, 300), (1, 3, 100), (1, 9_000, 1)] {
            assert_eq!(share(value, most, 300), long, "{value} of {most}");
        }
        assert_eq!(share(u64::MAX, u64::MAX, 300), 300);
    }

    #[test]
    fn charts_are_told_in_words_and_escaped() {
        let label = "<script>".to_owned() + &"x".repeat(30);
        let bar = Bar { label, value: 3, second: Some(6), told: "3".to_owned() };
        let chart = bars(&[bar], "three & six").into_string();
        assert!(chart.contains("aria-label=\"three &amp; six\""), "{chart}");
        assert!(chart.contains("&lt;script&gt;xxxxxxxxxxxxxxxxxx…<"), "{chart}");
        assert!(!chart.contains("style=") && !chart.contains("<script"), "{chart}");
    }
}
