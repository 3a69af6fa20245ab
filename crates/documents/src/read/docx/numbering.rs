//! Word's automatic numbers: 第一条 and 1.1 that stand in no text run but in `numbering.xml`.
//!
//! Called by the docx reader for each numbered paragraph, in order. Follows ECMA-376 part 1, §17.9.
//! Invariant: a number that Word shows is returned as text. Weakness: picture bullets are plain bullets.

use std::collections::HashMap;

use super::xml::Element;
use crate::numerals;

const LEVELS: usize = 9;

#[derive(Debug, Clone, Default)]
struct Level {
    start: u32,
    format: String,
    /// `%1` to `%9` stand for the numbers of the levels.
    text: String,
    /// What follows the label; nothing if Word sets the text right after it.
    joined: bool,
    /// All numbers in digits, whatever the outer levels' formats are.
    legal: bool,
    style: Option<String>,
    /// A level that restarts this one; 0 is never.
    restart: Option<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Numbering {
    abstracts: HashMap<String, Vec<Level>>,
    /// numId → its list, and its own levels where they differ.
    lists: HashMap<String, (String, HashMap<usize, Level>)>,
    /// abstract lists that say "as in that style" (§17.9.21) by the style's name.
    style_links: HashMap<String, String>,
    style_definitions: HashMap<String, String>,
    counters: HashMap<String, [Option<u32>; LEVELS]>,
    started: std::collections::HashSet<String>,
}

/// What stands before a numbered paragraph.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Bullet,
    /// The label as shown, with the space that follows it.
    Label(String),
}

impl Numbering {
    pub(super) fn read(root: &Element) -> Self {
        let mut numbering = Self::default();
        for entry in root.children().filter(|e| &*e.name == "abstractNum") {
            let Some(id) = entry.attribute("abstractNumId") else {
                continue;
            };
            numbering.abstracts.insert(id.to_owned(), levels(entry));
            if let Some(style) = entry.value("numStyleLink") {
                numbering
                    .style_links
                    .insert(id.to_owned(), style.to_owned());
            }
            if let Some(style) = entry.value("styleLink") {
                numbering
                    .style_definitions
                    .insert(style.to_owned(), id.to_owned());
            }
        }
        for entry in root.children().filter(|e| &*e.name == "num") {
            let (Some(id), Some(list)) = (entry.attribute("numId"), entry.value("abstractNumId"))
            else {
                continue;
            };
            let list = numbering
                .style_links
                .get(list)
                .and_then(|style| numbering.style_definitions.get(style))
                .map_or(list, String::as_str)
                .to_owned();
            let own = numbering.overrides(entry, &list);
            numbering.lists.insert(id.to_owned(), (list, own));
        }
        numbering
    }

    /// The level that a paragraph style is tied to in a list, if any.
    pub(super) fn level_of_style(&self, num_id: &str, style: &str) -> Option<usize> {
        let (list, _) = self.lists.get(num_id)?;
        self.abstracts
            .get(list)?
            .iter()
            .position(|level| level.style.as_deref() == Some(style))
    }

    /// Counts this paragraph and says what stands before it; `None` if the list does not exist.
    pub(super) fn next(&mut self, num_id: &str, level: usize) -> Option<Mark> {
        let level = level.min(LEVELS - 1);
        let (list, own) = self.lists.get(num_id)?;
        let base = self.abstracts.get(list)?;
        let at = |n: usize| {
            own.get(&n)
                .or_else(|| base.get(n))
                .cloned()
                .unwrap_or_default()
        };
        let levels: Vec<Level> = (0..=level).map(at).collect();
        let this = levels.last()?;
        let counters = self.counters.entry(list.clone()).or_insert([None; LEVELS]);
        if self.started.insert(num_id.to_owned()) {
            for n in own.keys().filter(|n| **n < LEVELS) {
                counters[*n] = None;
            }
        }
        for (n, outer) in levels.iter().enumerate().take(level) {
            counters[n].get_or_insert(outer.start);
        }
        counters[level] =
            Some(counters[level].map_or(this.start, |number| number.saturating_add(1)));
        for (n, counter) in counters.iter_mut().enumerate().skip(level + 1) {
            let deeper = own.get(&n).or_else(|| base.get(n));
            if deeper.and_then(|l| l.restart).is_none_or(|by| by > level) {
                *counter = None;
            }
        }
        Some(mark(&levels, counters))
    }

    fn overrides(&self, entry: &Element, list: &str) -> HashMap<usize, Level> {
        let mut own = HashMap::new();
        for change in entry.children().filter(|e| &*e.name == "lvlOverride") {
            let Some(n) = change
                .attribute("ilvl")
                .and_then(|n| n.parse::<usize>().ok())
            else {
                continue;
            };
            let base = self
                .abstracts
                .get(list)
                .and_then(|levels| levels.get(n))
                .cloned()
                .unwrap_or_default();
            let mut level = change.child("lvl").map_or(base, read_level);
            if let Some(start) = change.value("startOverride").and_then(|n| n.parse().ok()) {
                level.start = start;
            }
            own.insert(n, level);
        }
        own
    }
}

fn levels(entry: &Element) -> Vec<Level> {
    let mut levels = vec![Level::default(); LEVELS];
    for element in entry.children().filter(|e| &*e.name == "lvl") {
        let n = element
            .attribute("ilvl")
            .and_then(|n| n.parse::<usize>().ok())
            .unwrap_or(LEVELS);
        if let Some(level) = levels.get_mut(n) {
            *level = read_level(element);
        }
    }
    levels
}

fn read_level(element: &Element) -> Level {
    Level {
        start: element
            .value("start")
            .and_then(|n| n.parse().ok())
            .unwrap_or(0),
        format: element.value("numFmt").unwrap_or("decimal").to_owned(),
        text: element.value("lvlText").unwrap_or_default().to_owned(),
        joined: element.value("suff") == Some("nothing"),
        legal: element.is_on("isLgl"),
        style: element.value("pStyle").map(str::to_owned),
        restart: element.value("lvlRestart").and_then(|n| n.parse().ok()),
    }
}

fn mark(levels: &[Level], counters: &[Option<u32>; LEVELS]) -> Mark {
    let Some(this) = levels.last() else {
        return Mark::Bullet;
    };
    if this.format == "bullet" {
        return Mark::Bullet;
    }
    let mut label = String::new();
    let mut chars = this.text.chars().peekable();
    while let Some(c) = chars.next() {
        let place = chars
            .peek()
            .and_then(|next| next.to_digit(10))
            .filter(|n| c == '%' && *n > 0);
        let Some(place) = place else {
            label.push(c);
            continue;
        };
        chars.next();
        let n = place as usize - 1;
        let number = counters.get(n).copied().flatten().unwrap_or(1);
        let format = levels
            .get(n)
            .map_or("decimal", |level| level.format.as_str());
        label.push_str(&written(
            number,
            if this.legal { "decimal" } else { format },
        ));
    }
    if !this.joined && !label.is_empty() {
        label.push(' ');
    }
    Mark::Label(label)
}

/// A number in one of the formats of ST_NumberFormat (§17.18.59); unknown ones fall back to digits.
fn written(number: u32, format: &str) -> String {
    match format {
        "none" => String::new(),
        "decimalZero" => format!("{number:02}"),
        "upperRoman" => roman(number).to_uppercase(),
        "lowerRoman" => roman(number),
        "upperLetter" => letters(number).to_uppercase(),
        "lowerLetter" => letters(number),
        "chineseCounting"
        | "chineseCountingThousand"
        | "taiwaneseCounting"
        | "taiwaneseCountingThousand"
        | "japaneseCounting"
        | "ideographDigital"
        | "taiwaneseDigital" => numerals::chinese(number),
        "chineseLegalSimplified" => numerals::chinese(number).chars().map(formal).collect(),
        "ideographTraditional" => one_of("甲乙丙丁戊己庚辛壬癸", number),
        "ideographZodiac" => one_of("子丑寅卯辰巳午未申酉戌亥", number),
        "decimalEnclosedCircle" | "decimalEnclosedCircleChinese" => {
            one_of("①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳", number)
        }
        "decimalFullWidth" | "decimalFullWidth2" => number
            .to_string()
            .chars()
            .map(|c| char::from_u32(c as u32 - '0' as u32 + '０' as u32).unwrap_or(c))
            .collect(),
        "ordinal" => format!("{number}{}", ordinal_ending(number)),
        _ => number.to_string(),
    }
}

fn one_of(signs: &str, number: u32) -> String {
    signs
        .chars()
        .nth((number as usize).wrapping_sub(1))
        .map_or_else(|| number.to_string(), String::from)
}

fn formal(c: char) -> char {
    const PLAIN: &str = "一二三四五六七八九十百千〇";
    const FORMAL: &str = "壹贰叁肆伍陆柒捌玖拾佰仟零";
    PLAIN
        .chars()
        .position(|p| p == c)
        .and_then(|at| FORMAL.chars().nth(at))
        .unwrap_or(c)
}

fn ordinal_ending(number: u32) -> &'static str {
    match (number % 10, number % 100) {
        (1, n) if n != 11 => "st",
        (2, n) if n != 12 => "nd",
        (3, n) if n != 13 => "rd",
        _ => "th",
    }
}

/// a … z, aa, bb: Word repeats the letter.
fn letters(number: u32) -> String {
    let Some(index) = number.checked_sub(1) else {
        return "0".to_owned();
    };
    let letter = char::from(b'a' + (index % 26) as u8);
    std::iter::repeat_n(letter, (index / 26 + 1).min(30) as usize).collect()
}

fn roman(number: u32) -> String {
    const VALUES: [(u32, &str); 13] = [
        (1000, "m"),
        (900, "cm"),
        (500, "d"),
        (400, "cd"),
        (100, "c"),
        (90, "xc"),
        (50, "l"),
        (40, "xl"),
        (10, "x"),
        (9, "ix"),
        (5, "v"),
        (4, "iv"),
        (1, "i"),
    ];
    if number == 0 || number > 3999 {
        return number.to_string();
    }
    let mut rest = number;
    let mut text = String::new();
    for (value, sign) in VALUES {
        while rest >= value {
            text.push_str(sign);
            rest -= value;
        }
    }
    text
}
