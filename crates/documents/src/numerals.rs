//! Chinese and Western numerals: values of labels (第三十二条), and numbers written out for Word's
//! automatic numbering.
//!
//! Called by `label` and by the docx reader. Invariant: `chinese` and `value` are inverse up to 99,999.

const DIGITS: [char; 10] = ['〇', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
const UNITS: [(char, u32); 4] = [('万', 10_000), ('千', 1_000), ('百', 100), ('十', 10)];

/// Whether `c` can be part of a number written in Chinese characters or digits of either width.
pub(crate) fn is_numeral(c: char) -> bool {
    digit(c).is_some() || unit(c).is_some()
}

/// The value of `三十二`, `32` or `３２`; `None` if it is no number or above 99,999.
pub(crate) fn value(text: &str) -> Option<u32> {
    let chars: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    if chars.is_empty() || chars.len() > 12 {
        return None;
    }
    let positional = chars
        .iter()
        .map(|&c| digit(c))
        .collect::<Option<Vec<u32>>>();
    let number = match positional {
        Some(digits) => digits
            .iter()
            .try_fold(0u32, |sum, d| sum.checked_mul(10)?.checked_add(*d))?,
        None => with_units(&chars)?,
    };
    (number <= 99_999).then_some(number)
}

/// `32` → `三十二`. Above 99,999 the Western digits are kept.
pub(crate) fn chinese(number: u32) -> String {
    if number == 0 || number > 99_999 {
        return if number == 0 {
            "〇".to_owned()
        } else {
            number.to_string()
        };
    }
    let mut written = String::new();
    let mut rest = number;
    let mut gap = false;
    for (name, size) in UNITS {
        let count = rest / size;
        rest %= size;
        if count == 0 {
            gap = gap || !written.is_empty();
            continue;
        }
        if std::mem::take(&mut gap) {
            written.push('零');
        }
        let leading_ten = size == 10 && count == 1 && written.is_empty();
        if !leading_ten {
            written.push(DIGITS[count as usize % 10]);
        }
        written.push(name);
    }
    if rest > 0 {
        if gap {
            written.push('零');
        }
        written.push(DIGITS[rest as usize % 10]);
    }
    written
}

fn with_units(chars: &[char]) -> Option<u32> {
    let (mut total, mut pending) = (0u32, None);
    let mut last_unit = u32::MAX;
    for &c in chars {
        if let Some(size) = unit(c) {
            if size >= last_unit {
                return None;
            }
            last_unit = size;
            total = total.checked_add(pending.take().unwrap_or(1) * size)?;
        } else {
            let d = digit(c)?;
            if pending.is_some_and(|p| p != 0) {
                return None;
            }
            pending = Some(d);
        }
    }
    total.checked_add(pending.unwrap_or(0))
}

fn digit(c: char) -> Option<u32> {
    match c {
        '零' | '○' | 'Ｏ' => Some(0),
        '两' => Some(2),
        '0'..='9' => c.to_digit(10),
        '０'..='９' => Some(c as u32 - '０' as u32),
        _ => DIGITS.iter().position(|&d| d == c).map(|d| d as u32),
    }
}

fn unit(c: char) -> Option<u32> {
    UNITS
        .iter()
        .find(|(name, _)| *name == c)
        .map(|(_, size)| *size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_numerals_read_back_to_their_value() {
        for number in (1..2_200).chain([9_999, 10_000, 10_001, 10_010, 99_999]) {
            assert_eq!(value(&chinese(number)), Some(number), "{}", chinese(number));
        }
    }

    #[test]
    fn numbers_are_written_as_in_regulations() {
        for (number, written) in [
            (10, "十"),
            (11, "十一"),
            (20, "二十"),
            (101, "一百零一"),
            (110, "一百一十"),
            (1002, "一千零二"),
        ] {
            assert_eq!(chinese(number), written);
        }
        assert_eq!(value("３２"), Some(32));
        assert_eq!(value("二〇二六"), Some(2026));
        assert_eq!(value("甲"), None);
    }
}
