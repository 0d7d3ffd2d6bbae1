//! Charts as SVG in the page: their colours come from the style sheet, so that they can be read on
//! light and dark ground, and what they say is said in words, too.

use maud::{Markup, html};

/// Sizes in the chart's own measure: it is drawn as wide as there is room, and holds no text, which
/// would be drawn out with it.
const WIDTH: u64 = 720;
const HEIGHT: u64 = 120;

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
    html! {
        div.chart.bars role="img" aria-label=(text) {
            @for bar in bars {
                span.label title=(bar.label) { (bar.label) }
                svg viewBox={ "0 0 " (WIDTH) " 16" } preserveAspectRatio="none" {
                    @if let Some(second) = bar.second {
                        rect.second y="4" width=(share(second, most, WIDTH)) height="8" {}
                    }
                    rect.bar width=(share(bar.value, most, WIDTH)) height="16" {}
                }
                span.told { (bar.told) }
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
        div.chart.columns-of-time role="img" aria-label=(text) {
            span.label { (most) }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" {
                @for (index, count) in (0..).zip(&counts) {
                    @let high = share(*count, most, HEIGHT);
                    rect.bar x=(index * each + 1) y=(HEIGHT - high) width=(each - 2) height=(high) {}
                }
            }
            span.label { "an hour ago" } span.label.now { "now" }
        }
    }
}

/// How long a bar is; what is there can be seen.
fn share(value: u64, most: u64, room: u64) -> u64 {
    let long = u128::from(value) * u128::from(room) / u128::from(most.max(1));
    u64::try_from(long).unwrap_or(room).max(u64::from(value > 0))
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
        assert!(chart.contains("&lt;script&gt;xxx") && chart.contains("width=\"720\""), "{chart}");
        assert!(!chart.contains("style=") && !chart.contains("<script"), "{chart}");
    }
}
