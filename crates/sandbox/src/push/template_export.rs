//! The file that the platform's card builder exports and imports (更多 > 导出 / 导入), as far as it is public.
//!
//! `{"editorData": "<JSON>", "widgetInfo": "", "type": "standard", "mode": "card"}`; the editor data hold a tree of
//! components. Read and written are a card's title and tag, markdown, lines of text, and buttons with their action,
//! parameters and visibility. Source: open-dingtalk/dingtalk-card-examples. Weakness: layout, inputs and expressions are
//! left aside, and whether the platform takes a file without `widgetInfo` was not tried.

use serde_json::{Value, json};

use super::template::{CardButton, CardField, CardTemplate, Comparison, Condition, Tap};

/// Reads an export as a template of this id; the error says what is no export.
pub(super) fn read(id: &str, published: bool, export: &Value) -> Result<CardTemplate, String> {
    let editor = match &export["editorData"] {
        Value::String(text) => serde_json::from_str(text)
            .map_err(|error| format!("editorData is not valid JSON: {error}"))?,
        Value::Object(_) => export["editorData"].clone(),
        _ => return Err("there is no editorData: this is no export of a card template".into()),
    };
    let roots = editor["schema"]["componentsTree"].as_array();
    let roots = roots.ok_or("editorData has no schema.componentsTree")?;
    let mut template = CardTemplate {
        id: id.to_owned(),
        name: export["name"].as_str().unwrap_or(id).to_owned(),
        published,
        ..CardTemplate::default()
    };
    for root in roots {
        read_component(&mut template, root)?;
    }
    Ok(template)
}

fn read_component(template: &mut CardTemplate, node: &Value) -> Result<(), String> {
    let props = &node["props"];
    match node["componentName"].as_str().unwrap_or_default() {
        "StdCard" => {
            template.title = text(&props["cardName"]);
            template.tag = text(&props["tagText"]);
        }
        "CardHeaderV2" if template.title.is_empty() => template.title = text(&props["title"]),
        "Markdown" | "MarkdownBlock" => {
            if !template.markdown.is_empty() {
                template.markdown.push_str("\n\n");
            }
            template.markdown.push_str(&text(&props["content"]));
        }
        "BaseText" | "BaseTextBlock" => {
            let line = text(&props["text"]);
            let (label, value) = line.split_once('：').unwrap_or(("", &line));
            template.fields.push(CardField {
                label: label.to_owned(),
                value: value.to_owned(),
            });
        }
        "SingleButton" => template.buttons.push(read_button(props)?),
        "ButtonBlock" | "ButtonList" => {
            let rows = props["buttons"].as_array().into_iter().flatten();
            for row in rows {
                template.buttons.push(read_button(row)?);
            }
        }
        _ => {}
    }
    for child in node["children"].as_array().into_iter().flatten() {
        read_component(template, child)?;
    }
    Ok(())
}

fn read_button(row: &Value) -> Result<CardButton, String> {
    let tap = match row["actionType"].as_str() {
        // Without an action id of its own a button sends its id.
        Some("request") => {
            let own = Some(text(&row["actionId"])).filter(|id| !id.is_empty());
            let params = row["params"].as_array().into_iter().flatten();
            Tap::Request {
                action_id: own.unwrap_or_else(|| row["id"].as_str().unwrap_or_default().to_owned()),
                params: params
                    .filter_map(|one| Some((one["name"].as_str()?.to_owned(), text(one))))
                    .filter(|(name, _)| !name.is_empty())
                    .collect(),
            }
        }
        Some("url") => {
            let urls = ["url", "pcUrl", "iosUrl", "androidUrl"].map(|name| text(&row[name]));
            let url = urls.into_iter().find(|url| !url.is_empty());
            url.map_or(Tap::Nothing, Tap::Url)
        }
        _ => Tap::Nothing,
    };
    Ok(CardButton {
        text: text(&row["text"]),
        tap,
        shown: conditions(&row["visible"])?,
        disabled: text(&row["status"]) == "disabled",
    })
}

/// A fixed text, a text with `${variables}` in it, or the value of one variable.
fn text(object: &Value) -> String {
    if let Some(fixed) = object.as_str() {
        return fixed.to_owned();
    }
    let is_variable = object["valueType"] == "variable" || object["type"] == "variable";
    if is_variable && let Some(name) = object["variable"].as_str() {
        return format!("${{{name}}}");
    }
    let fixed = object["content"].as_str().or(object["value"].as_str());
    fixed.unwrap_or_default().to_owned()
}

fn conditions(visible: &Value) -> Result<Vec<Condition>, String> {
    if visible["valueType"] != "condition" {
        return Ok(Vec::new());
    }
    let rows = visible["condition"]["conditions"].as_array();
    let rows = rows.map(Vec::as_slice).unwrap_or_default();
    if visible["condition"]["op"] == "or" && rows.len() > 1 {
        return Err("the sandbox knows only conditions that must all hold".into());
    }
    rows.iter()
        .map(|row| {
            let value = text(&json!({ "value": row["value"] }));
            let is = match row["op"].as_str().unwrap_or_default() {
                "isTrue" => Comparison::True,
                "isFalse" => Comparison::False,
                "equal" => Comparison::Equal(value),
                "notEqual" => Comparison::NotEqual(value),
                "isEmpty" => Comparison::Equal(String::new()),
                "isNotEmpty" => Comparison::NotEqual(String::new()),
                other => return Err(format!("the sandbox does not know the condition {other}")),
            };
            let variable = row["variable"].as_str().unwrap_or_default().to_owned();
            Ok(Condition { variable, is })
        })
        .collect()
}

/// Writes a template as the card builder exports it.
pub(super) fn write(template: &CardTemplate) -> Value {
    let mut children = vec![component(
        "Markdown",
        0,
        &json!({ "content": written(&template.markdown) }),
    )];
    for field in &template.fields {
        let line = if field.label.is_empty() {
            field.value.clone()
        } else {
            format!("{}：{}", field.label, field.value)
        };
        let props = json!({ "text": written(&line) });
        children.push(component("BaseText", children.len(), &props));
    }
    let buttons = template.buttons.iter().enumerate();
    let buttons: Vec<Value> = buttons
        .map(|(at, button)| write_button(at, button))
        .collect();
    if !buttons.is_empty() {
        let props = json!({ "buttons": buttons });
        children.push(component("ButtonBlock", children.len(), &props));
    }
    let mut names: Vec<&Value> = children
        .iter()
        .map(|child| &child["componentName"])
        .collect();
    names.dedup();
    let card = Value::from("StdCard");
    let map: Vec<Value> = names
        .into_iter()
        .chain([&card])
        .map(|name| {
            json!({
                "package": "@ali/dxComponent", "version": "1.0.0", "exportName": name,
                "main": "./src/index.tsx", "destructuring": false, "subName": "", "componentName": name,
            })
        })
        .collect();
    let mut root = component(
        "StdCard",
        children.len(),
        &json!({ "cardName": written(&template.title), "tagText": written(&template.tag) }),
    );
    root["children"] = children.into();
    let editor = json!({
        "schemaVersion": "2.0.0",
        "schema": { "version": "1.0.0", "componentsMap": map, "componentsTree": [root], "i18n": {} },
        "editVersion": 0,
        "variableList": variables(template),
        "formList": [], "expList": [], "localList": [], "hsfList": [], "lwpList": [],
    });
    json!({ "editorData": editor.to_string(), "widgetInfo": "", "type": "standard", "mode": "card" })
}

fn component(name: &str, at: usize, props: &Value) -> Value {
    json!({ "componentName": name, "id": format!("node_{at}"), "props": props, "condition": true })
}

fn written(text: &str) -> Value {
    json!({ "type": "dynamicString", "content": text, "i18n": false })
}

fn write_button(at: usize, button: &CardButton) -> Value {
    let mut row = json!({
        "$$key": at.to_string(),
        "id": format!("button_{at}"),
        "text": written(&button.text),
        "status": if button.disabled { "disabled" } else { "normal" },
        "color": "blue",
        "actionType": "none",
        "visible": write_conditions(&button.shown),
    });
    match &button.tap {
        Tap::Request { action_id, params } => {
            row["actionType"] = "request".into();
            row["actionId"] = written(action_id);
            let params = params.iter().enumerate();
            row["params"] = params
                .map(|(n, (name, value))| {
                    json!({ "type": "fixed", "name": name, "value": value, "variable": "", "id": (n + 1).to_string() })
                })
                .collect();
        }
        Tap::Url(url) => {
            row["actionType"] = "url".into();
            row["urlType"] = "all".into();
            let variable = url
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'));
            row["url"] = match variable {
                Some(name) => {
                    json!({ "type": "dynamicLink", "valueType": "variable", "value": "", "variable": name })
                }
                None => {
                    json!({ "type": "dynamicLink", "valueType": "fixed", "value": url, "variable": "" })
                }
            };
        }
        Tap::Nothing => {}
    }
    row
}

fn write_conditions(shown: &[Condition]) -> Value {
    let rows = shown.iter().map(|condition| {
        let (op, value) = match &condition.is {
            Comparison::True => ("isTrue", ""),
            Comparison::False => ("isFalse", ""),
            Comparison::Equal(value) => ("equal", value.as_str()),
            Comparison::NotEqual(value) => ("notEqual", value.as_str()),
        };
        json!({
            "type": "variable", "variable": condition.variable, "variableType": "global",
            "op": op, "value": value, "valueType": "fixed",
        })
    });
    let kind = if shown.is_empty() {
        "fixed"
    } else {
        "condition"
    };
    let rows: Vec<Value> = rows.collect();
    json!({
        "type": "dynamicVisible", "value": true, "valueType": kind,
        "condition": { "op": "and", "conditions": rows },
    })
}

/// What the builder lists as the template's variables; those a button depends on are one person's own.
fn variables(template: &CardTemplate) -> Value {
    let urls = template
        .buttons
        .iter()
        .filter_map(|button| match &button.tap {
            Tap::Url(url) => Some(url.as_str()),
            _ => None,
        });
    let texts = [&template.title, &template.tag, &template.markdown];
    let texts = texts
        .into_iter()
        .map(String::as_str)
        .chain(template.fields.iter().map(|field| field.value.as_str()))
        .chain(template.buttons.iter().map(|button| button.text.as_str()))
        .chain(urls);
    let mut names: Vec<(&str, bool)> = texts
        .flat_map(|text| text.split("${").skip(1))
        .filter_map(|piece| Some((piece.split_once('}')?.0.trim(), false)))
        .collect();
    let conditions = template.buttons.iter().flat_map(|button| &button.shown);
    names.extend(conditions.map(|condition| (condition.variable.as_str(), true)));
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|(name, private)| {
            let kind = if private { "boolean" } else { "string" };
            json!({ "id": name, "name": name, "type": kind, "private": private, "description": "", "editorVarType": "variables" })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::template::{CONFIRM, public};

    #[test]
    fn what_is_written_is_read_again() {
        let confirm = public().into_iter().find(|one| one.id == CONFIRM).unwrap();
        let export = write(&confirm);
        let mut again = read(CONFIRM, true, &export).unwrap();
        again.name.clone_from(&confirm.name);
        assert_eq!(again, confirm);
        let editor: Value = serde_json::from_str(export["editorData"].as_str().unwrap()).unwrap();
        let names = editor["variableList"].as_array().unwrap().iter();
        let private: Vec<_> = names.filter(|one| one["private"] == true).collect();
        assert_eq!(private[0]["name"], "confirmed");
    }

    #[test]
    fn what_is_no_export_is_said_so() {
        for wrong in [
            json!({}),
            json!({"editorData": "{"}),
            json!({"editorData": "{}"}),
        ] {
            assert!(read("x", true, &wrong).is_err());
        }
    }

    #[test]
    fn a_button_of_the_builder_sends_its_id_and_hides_by_its_variable() {
        let button = json!({
            "id": "submit", "text": {"type": "dynamicString", "content": "提交"}, "status": "normal",
            "actionType": "request", "actionId": {"type": "dynamicString", "content": ""},
            "params": [{"type": "variable", "variable": "local_input", "value": "", "name": "input"}],
            "visible": {"type": "dynamicVisible", "valueType": "condition", "condition": {"op": "and", "conditions": [
                {"op": "isFalse", "variable": "submitted", "value": ""},
            ]}},
        });
        let button = read_button(&button).unwrap();
        let Tap::Request { action_id, params } = button.tap else {
            panic!("it calls back");
        };
        assert_eq!(
            (action_id.as_str(), params["input"].as_str()),
            ("submit", "${local_input}")
        );
        assert_eq!(button.shown[0].is, Comparison::False);
    }
}
