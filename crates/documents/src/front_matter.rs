//! The YAML block at the head of a Markdown or text file: publishing instructions kept beside the text.
//!
//! Called by the Markdown and text readers. Keys are English or Chinese; a key nobody knows is kept by
//! name for a warning. Invariant: values are normalised (`重大修订` → `major`) or refused with their line.
//! Weakness: the audience rule and the due date are passed on as written; their own parsers judge them.

use serde::{Deserialize, Serialize};
use serde_yaml_ng::Value;

use crate::ReadError;

/// What the file says about its own publication. Every field may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrontMatter {
    /// Slug of the policy this is a version of.
    pub policy: Option<String>,
    pub title: Option<String>,
    pub category: Option<String>,
    /// Owner department.
    pub owner: Option<String>,
    /// Audience rule as written; the entries of a list are joined by `, `.
    pub audience: Option<String>,
    /// `inform`, `read` or `confirm`.
    pub require: Option<String>,
    /// As written: `7d`, `2026-12-31`.
    pub due: Option<String>,
    pub channels: Vec<String>,
    /// `major` or `minor`.
    pub change: Option<String>,
    /// What people see as the version: `3.0`.
    #[serde(default)]
    pub version: Option<String>,
    /// The reminder plan as written; the entries of a list are joined by `, `.
    #[serde(default)]
    pub remind: Option<String>,
    /// What changed, in a sentence.
    pub summary: Option<String>,
    /// `YYYY-MM-DD`.
    pub effective: Option<String>,
    /// `zh-CN`, `en`.
    pub language: Option<String>,
    pub tags: Vec<String>,
    /// Keys that nobody reads, in order.
    pub unknown: Vec<String>,
}

/// YAML can refer to itself; a short block cannot grow far.
const MAX_BYTES: usize = 32 * 1024;

/// Splits the front matter off. Without a block between `---` lines the whole source is the body.
pub(crate) fn split(source: &str) -> Result<(FrontMatter, &str), ReadError> {
    let Some((yaml, body)) = block(source) else {
        return Ok((FrontMatter::default(), source));
    };
    if yaml.len() > MAX_BYTES {
        return Err(ReadError::FrontMatter {
            line: 1,
            detail: "it is longer than 32 KiB".to_owned(),
        });
    }
    if yaml.contains('&')
        && yaml
            .lines()
            .any(|line| line.contains(": *") || line.contains("- *"))
    {
        return Err(ReadError::FrontMatter {
            line: 1,
            detail: "aliases are not allowed".to_owned(),
        });
    }
    match serde_yaml_ng::from_str::<Value>(yaml) {
        Ok(Value::Mapping(mapping)) => Ok((read_keys(&mapping, yaml)?, body)),
        Ok(Value::Null) => Ok((FrontMatter::default(), body)),
        // Two rules with a line of text between them are no front matter.
        Ok(_) => Ok((FrontMatter::default(), source)),
        Err(_)
            if !yaml
                .lines()
                .any(|line| line.contains(':') || line.contains('：')) =>
        {
            Ok((FrontMatter::default(), source))
        }
        Err(error) => {
            let line = error.location().map_or(1, |at| at.line()) + 1;
            Err(ReadError::FrontMatter {
                line,
                detail: format!("it is not valid YAML ({error})"),
            })
        }
    }
}

fn block(source: &str) -> Option<(&str, &str)> {
    let after = source.trim_start_matches('\n').strip_prefix("---")?;
    let (fence_rest, inner) = after.split_once('\n')?;
    if !fence_rest.trim().is_empty() {
        return None;
    }
    let mut at = 0;
    for line in inner.split_inclusive('\n') {
        if matches!(line.trim_end(), "---" | "...") {
            return Some((inner.get(..at)?, inner.get(at + line.len()..)?));
        }
        at += line.len();
    }
    None
}

fn read_keys(mapping: &serde_yaml_ng::Mapping, yaml: &str) -> Result<FrontMatter, ReadError> {
    let mut read = FrontMatter::default();
    for (key, value) in mapping {
        let Some(name) = scalar(key) else { continue };
        let refuse = |detail: String| ReadError::FrontMatter {
            line: line_of(yaml, &name),
            detail,
        };
        let text = || one(value).map_err(|what| refuse(format!("{name} {what}")));
        match name.trim().to_lowercase().as_str() {
            "policy" | "slug" | "标识" | "制度" | "制度标识" => read.policy = text()?,
            "title" | "标题" | "名称" | "制度名称" => read.title = text()?,
            "category" | "分类" | "类别" => read.category = text()?,
            "owner" | "department" | "归口部门" | "归口" | "责任部门" => {
                read.owner = text()?;
            }
            "audience" | "适用范围" | "范围" => read.audience = joined(value),
            "require" | "requirement" | "要求" | "签收要求" => {
                read.require = choice(text()?, &REQUIREMENTS).map_err(refuse)?;
            }
            "due" | "期限" | "截止" | "截止日期" => read.due = text()?,
            "channels" | "channel" | "渠道" => read.channels = many(value),
            "change" | "修订类型" => read.change = choice(text()?, &CHANGES).map_err(refuse)?,
            "summary" | "修订说明" | "摘要" => read.summary = text()?,
            "effective" | "生效日期" | "施行日期" => {
                read.effective = text()?
                    .map(|date| iso_date(&date))
                    .transpose()
                    .map_err(refuse)?;
            }
            "language" | "lang" | "语言" => read.language = text()?,
            "version" | "版本" | "版本号" => read.version = text()?,
            "remind" | "reminders" | "提醒" | "提醒计划" => read.remind = joined(value),
            "tags" | "标签" => read.tags = many(value),
            _ => read.unknown.push(name),
        }
    }
    Ok(read)
}

const REQUIREMENTS: [(&str, &[&str]); 3] = [
    ("inform", &["inform", "告知", "知悉", "通知"]),
    ("read", &["read", "阅读", "已读"]),
    ("confirm", &["confirm", "确认", "签收", "确认签收"]),
];
const CHANGES: [(&str, &[&str]); 2] = [
    ("major", &["major", "重大", "重大修订", "修订"]),
    ("minor", &["minor", "文字", "文字修订", "勘误"]),
];

fn choice(written: Option<String>, choices: &[(&str, &[&str])]) -> Result<Option<String>, String> {
    let Some(written) = written else {
        return Ok(None);
    };
    let lower = written.to_lowercase();
    if let Some((word, _)) = choices
        .iter()
        .find(|(_, spellings)| spellings.contains(&lower.as_str()))
    {
        Ok(Some((*word).to_owned()))
    } else {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        Err(format!("“{written}” is none of {}", words.join(", ")))
    }
}

/// `2026-12-01`, `2026/12/1`, `2026年12月1日` → `2026-12-01`.
fn iso_date(written: &str) -> Result<String, String> {
    let parts: Vec<&str> = written
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .collect();
    let numbers: Vec<u32> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    match numbers.as_slice() {
        [year @ 1900..=2999, month @ 1..=12, day] if (1..=days_in(*year, *month)).contains(day) => {
            Ok(format!("{year:04}-{month:02}-{day:02}"))
        }
        _ => Err(format!("“{written}” is no date; write 2026-12-01")),
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Tagged(tagged) => scalar(&tagged.value),
        _ => None,
    }
}

fn one(value: &Value) -> Result<Option<String>, &'static str> {
    match value {
        Value::Null => Ok(None),
        other => scalar(other)
            .map(|text| Some(text).filter(|t| !t.is_empty()))
            .ok_or("must be one value"),
    }
}

fn many(value: &Value) -> Vec<String> {
    match value {
        Value::Sequence(items) => items.iter().filter_map(scalar).collect(),
        other => {
            let text = scalar(other).unwrap_or_default();
            text.split([',', '，', '、', ';', '；'])
                .map(|s| s.trim().to_owned())
                .filter(|s| !s.is_empty())
                .collect()
        }
    }
}

fn joined(value: &Value) -> Option<String> {
    let text = match value {
        Value::Sequence(items) => items
            .iter()
            .filter_map(scalar)
            .collect::<Vec<_>>()
            .join(", "),
        other => scalar(other).unwrap_or_default(),
    };
    (!text.is_empty()).then_some(text)
}

/// The line of the file a key stands on; the opening fence is line 1.
fn line_of(yaml: &str, key: &str) -> usize {
    yaml.lines()
        .position(|line| {
            line.trim_start()
                .trim_start_matches(['"', '\''])
                .starts_with(key)
        })
        .map_or(1, |at| at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_and_english_keys_say_the_same() {
        let (read, body) = split(
            "---\n标识: travel\n标题: 差旅费管理办法\n要求: 确认\n期限: 7d\n渠道: 群机器人、工作通知\n修订类型: 重大修订\n生效日期: 2026年12月1日\n作者: 张三\n---\n正文\n",
        )
        .unwrap();
        assert_eq!(body, "正文\n");
        assert_eq!(read.policy.as_deref(), Some("travel"));
        assert_eq!(read.require.as_deref(), Some("confirm"));
        assert_eq!(read.channels, ["群机器人", "工作通知"]);
        assert_eq!(read.change.as_deref(), Some("major"));
        assert_eq!(read.effective.as_deref(), Some("2026-12-01"));
        assert_eq!(read.unknown, ["作者"]);
        let (english, _) = split(
            "---\npolicy: travel\nrequire: confirm\ntags: [a, b]\neffective: 2026-12-01\n---\n",
        )
        .unwrap();
        assert_eq!(
            (english.require, english.tags.len()),
            (Some("confirm".to_owned()), 2)
        );
        assert_eq!(english.effective.as_deref(), Some("2026-12-01"));
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_line() {
        assert!(matches!(
            split("---\ntitle: x\nrequire: maybe\n---\n"),
            Err(ReadError::FrontMatter { line: 3, .. })
        ));
        assert!(matches!(
            split("---\neffective: 2026-02-30\n---\n"),
            Err(ReadError::FrontMatter { line: 2, .. })
        ));
        assert!(matches!(
            split("---\ntitle: [x\n---\n"),
            Err(ReadError::FrontMatter { .. })
        ));
    }

    #[test]
    fn a_rule_at_the_top_is_no_front_matter() {
        let source = "---\n\nSome text\n\n---\n\nMore";
        assert_eq!(split(source).unwrap().1, source);
        assert_eq!(split("--- x\na: b\n---\n").unwrap().1, "--- x\na: b\n---\n");
    }
}
