//! Medians, percentiles, ratios, and how they are written.

/// The middle one; of an even number the lower middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50.0)
}

/// The smallest value that so many per cent do not exceed; 0 of nothing.
pub(crate) fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// `12,345`
pub(crate) fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.chars().count() - index).is_multiple_of(3) && digit.is_ascii_digit()
        {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Three figures that count.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => whole(value),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// `0.83 ×`
pub(crate) fn ratio(of: f64, to: f64) -> String {
    if to == 0.0 {
        "–".to_owned()
    } else {
        format!("{} ×", short(of / to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        let figures = [percentile(&values, 99.0), median(&values), median(&[])];
        assert_eq!(figures.map(short), ["5.00", "3.00", "0.00"]);
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [whole(1.0), whole(1234.0), whole(1_234_567.0)],
            ["1", "1,234", "1,234,567"]
        );
    }
}
