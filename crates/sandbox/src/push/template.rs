//! Card templates (卡片模板): what a card shows for its variables, and what its buttons do.
//!
//! On the platform they are built by hand, bound to an app and published; here an app brings its own
//! ([`crate::PushSettings::templates`], `POST /sandbox/templates` with the platform's export) besides the ready-made
//! ones of [`public`]. Texts hold `${variable}`s. Invariant: an unknown variable shows as nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A template as the sandbox draws it: a standard card with title, markdown, rows and buttons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CardTemplate {
    /// `….schema`
    pub id: String,
    pub name: String,
    /// Cards of an unpublished template are refused with `param.templateUnpublished`.
    pub published: bool,
    pub title: String,
    /// A small label beside the title; nothing if empty.
    pub tag: String,
    pub markdown: String,
    pub fields: Vec<CardField>,
    pub buttons: Vec<CardButton>,
    /// Buttons also come from the variable `sys_full_json_obj`: `{"msgButtons":[{"text","url"}]}`.
    pub buttons_from_data: bool,
}

/// A labelled row; not shown while its value is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardField {
    pub label: String,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardButton {
    pub text: String,
    pub tap: Tap,
    /// All must hold for the button to be shown.
    #[serde(default)]
    pub shown: Vec<Condition>,
    #[serde(default)]
    pub disabled: bool,
}

/// What a tap on a button does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Tap {
    /// 回传请求: calls the app back with the button's action id and parameters.
    Request {
        action_id: String,
        #[serde(default)]
        params: BTreeMap<String, String>,
    },
    /// 打开链接
    Url(String),
    Nothing,
}

/// Compares a variable. Truth is the platform's: `"true"` and `"1"` are true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    pub variable: String,
    pub is: Comparison,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    True,
    False,
    Equal(String),
    NotEqual(String),
}

/// What one reader's card holds: public data under private.
pub(crate) type Data = BTreeMap<String, String>;

impl Condition {
    pub(crate) fn holds(&self, data: &Data) -> bool {
        let value = data.get(&self.variable).map_or("", String::as_str);
        let is_true = matches!(value, "true" | "1");
        match &self.is {
            Comparison::True => is_true,
            Comparison::False => !is_true,
            Comparison::Equal(other) => value == other,
            Comparison::NotEqual(other) => value != other,
        }
    }
}

/// Puts the values in place of `${…}`.
pub(crate) fn fill(text: &str, data: &Data) -> String {
    let mut pieces = text.split("${");
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once('}') {
            Some((name, rest)) => {
                filled.push_str(data.get(name.trim()).map_or("", String::as_str));
                filled.push_str(rest);
            }
            None => {
                filled.push_str("${");
                filled.push_str(piece);
            }
        }
    }
    filled
}

impl CardTemplate {
    /// The buttons this reader sees, texts and addresses filled in.
    pub(crate) fn buttons_for(&self, data: &Data) -> Vec<CardButton> {
        let own = self
            .buttons
            .iter()
            .filter(|button| button.shown.iter().all(|condition| condition.holds(data)));
        let filled = own.map(|button| CardButton {
            text: fill(&button.text, data),
            tap: match &button.tap {
                Tap::Request { action_id, params } => Tap::Request {
                    action_id: fill(action_id, data),
                    params: params
                        .iter()
                        .map(|(name, value)| (name.clone(), fill(value, data)))
                        .collect(),
                },
                Tap::Url(url) => Tap::Url(fill(url, data)),
                Tap::Nothing => Tap::Nothing,
            },
            shown: Vec::new(),
            disabled: button.disabled,
        });
        filled.chain(self.buttons_in(data)).collect()
    }

    fn buttons_in(&self, data: &Data) -> Vec<CardButton> {
        let Some(text) = data
            .get("sys_full_json_obj")
            .filter(|_| self.buttons_from_data)
        else {
            return Vec::new();
        };
        let object: Value = serde_json::from_str(text).unwrap_or_default();
        let rows = object["msgButtons"].as_array().into_iter().flatten();
        rows.map(|row| CardButton {
            text: row["text"].as_str().unwrap_or_default().to_owned(),
            tap: Tap::Url(row["url"].as_str().unwrap_or_default().to_owned()),
            shown: Vec::new(),
            disabled: false,
        })
        .collect()
    }
}

/// The id of the ready-made template with a button that calls back.
pub(crate) const CONFIRM: &str = "sandbox-confirm.schema";

/// The templates every app may use: three of the official SDK's, which only open addresses, and one to confirm by.
pub(crate) fn public() -> Vec<CardTemplate> {
    let plain = |id: &str, name: &str, markdown: &str| CardTemplate {
        id: id.into(),
        name: name.into(),
        published: true,
        title: "${title}".into(),
        markdown: markdown.into(),
        ..CardTemplate::default()
    };
    vec![
        confirm(),
        plain(
            "589420e2-c1e2-46ef-a5ed-b8728e654da9.schema",
            "Markdown",
            "${markdown}",
        ),
        CardTemplate {
            buttons_from_data: true,
            fields: vec![CardField {
                label: String::new(),
                value: "${tips}".into(),
            }],
            ..plain(
                "1366a1eb-bc54-4859-ac88-517c56a9acb1.schema",
                "Markdown 与链接按钮",
                "${markdown}",
            )
        },
        plain(
            "382e4302-551d-4880-bf29-a30acfab2e71.schema",
            "AI Markdown",
            "${msgContent}",
        ),
    ]
}

/// Title, summary, up to three rows, a link to read and a button to confirm, which gives way to 「已确认」 for whoever
/// has `confirmed` = `"true"` in private data.
fn confirm() -> CardTemplate {
    let row = |label: &str, variable: &str| CardField {
        label: label.into(),
        value: format!("${{{variable}}}"),
    };
    let while_ = |is| Condition {
        variable: "confirmed".into(),
        is,
    };
    CardTemplate {
        id: CONFIRM.into(),
        name: "制度确认".into(),
        published: true,
        title: "${title}".into(),
        tag: "${tag}".into(),
        markdown: "${summary}".into(),
        fields: vec![
            row("版本", "version"),
            row("发布部门", "department"),
            row("截止时间", "deadline"),
        ],
        buttons: vec![
            CardButton {
                text: "阅读全文".into(),
                tap: Tap::Url("${url}".into()),
                shown: Vec::new(),
                disabled: false,
            },
            CardButton {
                text: "确认已读".into(),
                tap: Tap::Request {
                    action_id: "confirm".into(),
                    params: BTreeMap::from([("action".into(), "confirm".into())]),
                },
                shown: vec![while_(Comparison::False)],
                disabled: false,
            },
            CardButton {
                text: "已确认".into(),
                tap: Tap::Nothing,
                shown: vec![while_(Comparison::True)],
                disabled: true,
            },
        ],
        buttons_from_data: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_confirm_button_gives_way_once_confirmed() {
        let template = confirm();
        let mut data = Data::from([("url".into(), "http://example.test/1".into())]);
        let texts = |data: &Data| -> Vec<String> {
            let buttons = template.buttons_for(data).into_iter();
            buttons.map(|button| button.text).collect()
        };
        assert_eq!(texts(&data), ["阅读全文", "确认已读"]);
        data.insert("confirmed".into(), "true".into());
        assert_eq!(texts(&data), ["阅读全文", "已确认"]);
        assert_eq!(
            fill("见 ${url}${none} ${", &data),
            "见 http://example.test/1 ${"
        );
    }
}
