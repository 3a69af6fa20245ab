//! A card as one person sees it: as JSON for the chat client, and as the inside of a bubble.
//!
//! Invariant: all text is escaped and every `href` has passed [`openable`]; buttons that call back carry
//! `data-card` and `data-action` for the page's script.

use serde_json::{Value, json};

use super::template::{CardButton, Tap, fill};
use crate::markdown;
use crate::text::{escape, openable};
use crate::world::World;

/// `None` if the card is gone or its template is.
pub(crate) fn view(world: &World, out_track_id: &str, userid: &str) -> Option<Value> {
    let card = world.cards.get(out_track_id)?;
    let template = world.template(&card.client_id, &card.template_id)?;
    let data = card.data_for(userid);
    let fields = template.fields.iter().filter_map(|field| {
        let value = fill(&field.value, &data);
        (!value.trim().is_empty()).then(|| json!({ "label": field.label, "value": value }))
    });
    let markdown = fill(&template.markdown, &data);
    Some(json!({
        "out_track_id": out_track_id,
        "title": fill(&template.title, &data),
        "tag": fill(&template.tag, &data),
        "markdown": markdown,
        "html": markdown::to_html(&markdown, &|escaped| escaped.to_owned()),
        "fields": fields.collect::<Vec<_>>(),
        "buttons": template.buttons_for(&data).iter().map(button).collect::<Vec<_>>(),
        "changed_ms": card.changed_ms,
    }))
}

/// A button to open an address leads nowhere (`"url": null`) where a browser must not follow.
fn button(button: &CardButton) -> Value {
    let mut view = json!({ "text": button.text, "disabled": button.disabled });
    match &button.tap {
        Tap::Request { action_id, .. } => {
            view["kind"] = "request".into();
            view["action_id"] = action_id.clone().into();
        }
        Tap::Url(url) => {
            view["kind"] = "url".into();
            view["url"] = openable(url).map(String::from).into();
        }
        Tap::Nothing => view["kind"] = "nothing".into(),
    }
    view
}

/// The HTML of a card's bubble.
pub(crate) fn draw(world: &World, out_track_id: &str, userid: &str) -> String {
    let Some(card) = view(world, out_track_id, userid) else {
        return r#"<div class="text">[卡片已失效]</div>"#.into();
    };
    let text = |value: &Value| escape(value.as_str().unwrap_or_default());
    let tag = Some(text(&card["tag"])).filter(|tag| !tag.is_empty());
    let tag = tag.map_or_else(String::new, |tag| format!(r#"<em class="tag">{tag}</em>"#));
    let rows = card["fields"].as_array().into_iter().flatten();
    let rows = rows.fold(String::new(), |html, row| {
        let (label, value) = (text(&row["label"]), text(&row["value"]));
        html + &format!("<div><dt>{label}</dt><dd>{value}</dd></div>")
    });
    let track = escape(out_track_id);
    let buttons = card["buttons"].as_array().into_iter().flatten();
    let buttons: String = buttons.map(|one| draw_button(one, &track)).collect();
    format!(
        r#"<div class="card interactive" data-card="{track}"><div class="head"><b>{}</b>{tag}</div><div class="md">{}</div><dl>{rows}</dl><div class="buttons">{buttons}</div></div>"#,
        text(&card["title"]),
        card["html"].as_str().unwrap_or_default()
    )
}

fn draw_button(button: &Value, track: &str) -> String {
    let label = escape(button["text"].as_str().unwrap_or_default());
    let disabled = if button["disabled"] == true {
        " disabled"
    } else {
        ""
    };
    match (button["kind"].as_str(), button["url"].as_str()) {
        (Some("request"), _) => {
            let action = escape(button["action_id"].as_str().unwrap_or_default());
            format!(
                r#"<button type="button" class="button" data-card="{track}" data-action="{action}"{disabled}>{label}</button>"#
            )
        }
        (_, Some(url)) => format!(r#"<a class="button" href="{}">{label}</a>"#, escape(url)),
        _ => format!(r#"<span class="button dead">{label}</span>"#),
    }
}
