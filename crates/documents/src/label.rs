//! The label at the start of a clause: 第一章, 第八条, （一）, 一、, 1.1, 1., (a).
//!
//! Called by `clause` for every paragraph and heading, and by the readers that must find paragraphs.
//! Invariant: label + rest is the text, modulo white space. A reference at the start of a sentence
//! (第八条规定的……) is not a label.
//! Weakness: where the typist left out the space, reference and label differ only by the next word.

use crate::numerals;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LabelKind {
    /// 第一编
    Part,
    /// 第一章
    Chapter,
    /// 第一节
    Section,
    /// 第一条
    Article,
    /// 一、
    ChineseNumber,
    /// （一）
    Item,
    /// 1.1 with this many numbers, at least two
    Decimal(usize),
    /// 1. or 1、
    Number,
    /// （1） or ①
    SubItem,
    /// (a), (i), a)
    Letter,
}

/// A label as printed (inner white space removed) and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label<'a> {
    pub(crate) kind: LabelKind,
    pub(crate) printed: String,
    pub(crate) rest: &'a str,
}

/// The label `text` starts with. In a heading a bare number (`2 Scope`) counts too.
pub(crate) fn label(text: &str, in_heading: bool) -> Option<Label<'_>> {
    let text = text.trim();
    let first = text.chars().next()?;
    match first {
        '第' => structural(text),
        '（' | '(' => bracketed(text),
        '①'..='⑳' => cut(text, 1, LabelKind::SubItem),
        _ if first.is_ascii_digit() => decimal(text, in_heading),
        _ if first.is_ascii_lowercase() => lettered(text),
        _ if numerals::is_numeral(first) => chinese_number(text),
        _ => None,
    }
}

/// The same label however it is printed: widths of brackets, white space and closing marks do not count.
pub(crate) fn normalised(label: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    let plain: String = label.nfkc().filter(|c| !c.is_whitespace()).collect();
    plain
        .trim_end_matches(['、', '.', '。', ':', ')', ','])
        .trim_start_matches(['•', '('])
        .to_lowercase()
}

/// `总 则` → `总则`: headings of regulations are spaced out to look centred.
pub(crate) fn close_spaced_han(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let spaced_out = words.len() > 1
        && words
            .iter()
            .all(|w| w.chars().count() == 1 && w.chars().all(is_han));
    words.join(if spaced_out { "" } else { " " })
}

pub(crate) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// Han characters and the punctuation set with them: no space is written between two of these.
pub(crate) fn is_cjk(c: char) -> bool {
    is_han(c)
        || matches!(c, '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ffef}' | '“' | '”' | '‘' | '’' | '…' | '—')
}

/// 第 + number + 编章节条, with 之一 after it where an amendment squeezed an article in.
fn structural(text: &str) -> Option<Label<'_>> {
    let mut chars = text.char_indices().skip(1).peekable();
    let mut number = String::new();
    while let Some(&(_, c)) = chars.peek() {
        if !(numerals::is_numeral(c) || is_space(c)) {
            break;
        }
        number.push(c);
        chars.next();
    }
    numerals::value(&number)?;
    let (_, unit) = chars.next()?;
    let kind = match unit {
        '编' | '編' | '篇' => LabelKind::Part,
        '章' => LabelKind::Chapter,
        '节' | '節' => LabelKind::Section,
        '条' | '條' => LabelKind::Article,
        _ => return None,
    };
    let mut end = chars.peek().map_or(text.len(), |&(at, _)| at);
    if let Some(tail) = text.get(end..).and_then(|rest| rest.strip_prefix('之')) {
        let count = tail
            .chars()
            .take_while(|&c| numerals::is_numeral(c))
            .count();
        if count > 0 {
            end = nth_char(text, text.get(..end)?.chars().count() + 1 + count);
        }
    }
    let rest = text.get(end..)?;
    if refers(kind, rest) {
        return None;
    }
    Some(Label {
        kind,
        printed: printed(text.get(..end)?),
        rest: rest.trim_start(),
    })
}

/// Words after 第八条 that make it a reference.
const REFERRING: [&str; 18] = [
    "、", "，", ",", "。", "；", "至", "和", "或", "及", "与", "第", "规定", "的", "所称", "所列",
    "所述", "中的", "款",
];

/// Whether `rest`, right after 第八条, shows that the words refer to that article rather than open it.
fn refers(kind: LabelKind, rest: &str) -> bool {
    let Some(next) = rest.chars().next() else {
        return false;
    };
    if is_space(next) || matches!(next, '：' | ':' | '【' | '[' | '　') {
        return false;
    }
    if REFERRING.iter().any(|word| rest.starts_with(word)) {
        return true;
    }
    // A chapter stands alone on its line; in a running sentence it is a reference.
    kind != LabelKind::Article && (rest.chars().count() > 40 || rest.ends_with(['。', '；', '，']))
}

/// （一）, (一), （1）, (a), (iv)
fn bracketed(text: &str) -> Option<Label<'_>> {
    let inner: String = text
        .chars()
        .skip(1)
        .take_while(|&c| c != '）' && c != ')')
        .take(9)
        .collect();
    let trimmed = inner.trim();
    let length = inner.chars().count() + 2;
    let kind = if trimmed.is_empty() || trimmed.chars().count() > 6 {
        return None;
    } else if trimmed.chars().all(|c| c.is_ascii_digit()) {
        if trimmed.len() > 3 {
            return None;
        }
        LabelKind::SubItem
    } else if numerals::value(trimmed).is_some() {
        LabelKind::Item
    } else if is_letter_label(trimmed) {
        LabelKind::Letter
    } else {
        return None;
    };
    text.chars()
        .nth(length - 1)
        .filter(|&c| c == '）' || c == ')')?;
    cut(text, length, kind)
}

/// a single letter or a small Roman number
fn is_letter_label(text: &str) -> bool {
    (text.len() == 1 && text.chars().all(|c| c.is_ascii_alphabetic()))
        || (text.len() <= 4 && text.chars().all(|c| matches!(c, 'i' | 'v' | 'x')))
}

/// a) and iv) at the start of a line; a. if a space follows (e.g. has none).
fn lettered(text: &str) -> Option<Label<'_>> {
    let letters: String = text
        .chars()
        .take_while(char::is_ascii_lowercase)
        .take(5)
        .collect();
    let mut after = text.chars().skip(letters.len());
    let closed = match after.next()? {
        ')' | '）' => true,
        '.' => after.next().is_some_and(is_space),
        _ => false,
    };
    (closed && is_letter_label(&letters))
        .then(|| cut(text, letters.len() + 1, LabelKind::Letter))
        .flatten()
}

/// 一、 and 十二．
fn chinese_number(text: &str) -> Option<Label<'_>> {
    let number: String = text
        .chars()
        .take_while(|&c| numerals::is_numeral(c))
        .take(8)
        .collect();
    numerals::value(&number)?;
    let length = number.chars().count();
    let after = text.chars().nth(length)?;
    // 一、二、三季度: a list in a sentence, no label.
    let listed = text
        .chars()
        .nth(length + 1)
        .is_some_and(numerals::is_numeral)
        && text.chars().nth(length + 2).is_some_and(|c| c == '、');
    (matches!(after, '、' | '．' | '.') && !listed)
        .then(|| cut(text, length + 1, LabelKind::ChineseNumber))
        .flatten()
}

/// 1. 1、 1) 1.1 1.1.2 and, in a heading, a bare 1
fn decimal(text: &str, in_heading: bool) -> Option<Label<'_>> {
    let chars: Vec<char> = text.chars().take(24).collect();
    let mut at = 0;
    let mut numbers = 0;
    loop {
        let digits = chars
            .iter()
            .skip(at)
            .take_while(|c| c.is_ascii_digit())
            .count();
        if digits == 0 || digits > 3 {
            return None;
        }
        at += digits;
        numbers += 1;
        let dot = matches!(chars.get(at), Some('.' | '．'));
        if !(dot && chars.get(at + 1).is_some_and(char::is_ascii_digit)) {
            break;
        }
        at += 1;
    }
    let closed = matches!(chars.get(at), Some('.' | '．' | '、' | ')' | '）'));
    let end = at + usize::from(closed);
    let next = chars.get(end).copied();
    let spaced = next.is_none_or(is_space);
    if numbers == 1 {
        // 1.Scope and 1、范围 are labels; 1 Scope only in a heading; 1、2、3号 is a list in a sentence.
        let listed = chars.get(at) == Some(&'、') && next.is_some_and(|c| c.is_ascii_digit());
        let label = if closed {
            !listed
        } else {
            in_heading && spaced && next.is_some()
        };
        return label.then(|| cut(text, end, LabelKind::Number)).flatten();
    }
    let measured = next.is_some_and(|c| "万亿元个天年月日号时分米吨倍%％‰-—~～/".contains(c));
    let label = spaced || (!measured && next.is_some_and(|c| !c.is_ascii()));
    label
        .then(|| cut(text, end, LabelKind::Decimal(numbers)))
        .flatten()
}

fn cut(text: &str, length: usize, kind: LabelKind) -> Option<Label<'_>> {
    let at = nth_char(text, length);
    let rest = text.get(at..)?.trim_start();
    Some(Label {
        kind,
        printed: printed(text.get(..at)?),
        rest,
    })
}

fn printed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The byte position of the character number `n`, or the end.
fn nth_char(text: &str, n: usize) -> usize {
    text.char_indices().nth(n).map_or(text.len(), |(at, _)| at)
}

fn is_space(c: char) -> bool {
    c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed_label(text: &str) -> Option<String> {
        label(text, false).map(|l| l.printed)
    }

    #[test]
    fn labels_of_regulations_and_handbooks_are_found() {
        for (text, expected) in [
            ("第一条　为了规范", "第一条"),
            ("第 12 条 费用", "第12条"),
            ("第八条之一 补充", "第八条之一"),
            ("第一条为了规范费用报销", "第一条"),
            ("第二章 总 则", "第二章"),
            ("（一）符合条件", "（一）"),
            ("( 二 )符合条件", "(二)"),
            ("一、总体要求", "一、"),
            ("1.1 Scope", "1.1"),
            ("1.2.3适用范围", "1.2.3"),
            ("3. 目的", "3."),
            ("2、目的", "2、"),
            ("（3）目的", "（3）"),
            ("②目的", "②"),
            ("(a) travel", "(a)"),
            ("iv) travel", "iv)"),
            ("b. travel", "b."),
        ] {
            assert_eq!(printed_label(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn references_amounts_and_dates_are_no_labels() {
        for text in [
            "第八条规定的条件",
            "第八条、第九条所称",
            "第三方服务",
            "第一，明确责任",
            "第二章规定的行政处罚由县级以上主管部门实施。",
            "3.5万元以下",
            "2026.1.1 起施行",
            "（以下简称公司）应当",
            "一、二、三季度",
            "10 days of leave",
            "a person",
            "e.g. a person",
        ] {
            assert_eq!(printed_label(text), None, "{text}");
        }
    }

    #[test]
    fn the_same_label_in_another_print_is_the_same() {
        assert_eq!(normalised("(一)"), normalised("（一）"));
        assert_eq!(normalised("1."), normalised("1、"));
        assert_ne!(normalised("第一条"), normalised("第二条"));
    }
}
