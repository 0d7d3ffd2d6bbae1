use std::fmt;

/// One number of every round, with its median.
#[derive(Debug, Clone)]
pub(crate) struct Spread {
    sorted: Vec<f64>,
}

impl Spread {
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<_> = numbers.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Self { sorted }
    }

    pub(crate) fn median(&self) -> f64 {
        let (low, high) = (self.sorted.len().saturating_sub(1) / 2, self.sorted.len() / 2);
        let at = |index| self.sorted.get(index).copied().unwrap_or(f64::NAN);
        f64::midpoint(at(low), at(high))
    }
}

/// Median, least and greatest, with so many digits as they deserve.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.median() {
            median if median < 10.0 => 2,
            median if median < 100.0 => 1,
            _ => 0,
        };
        let least = self.sorted.first().copied().unwrap_or(f64::NAN);
        let greatest = self.sorted.last().copied().unwrap_or(f64::NAN);
        let median = self.median();
        f.pad(&format!("{median:.digits$} [{least:.digits$}..{greatest:.digits$}]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_before_the_extremes() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]).to_string(), "2.00 [1.00..3.00]");
        assert_eq!(Spread::of([400.0, 100.0, 200.0, 300.4]).to_string(), "250 [100..400]");
    }
}
