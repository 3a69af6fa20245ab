//! The confirmation card's template, as the card builder imports it.
//!
//! Caller: the set-up page, which offers it for download. To import: <https://open-dev.dingtalk.com/fe/card> > 新建模板 >
//! the menu «更多» > 导入, choose the file; then 保存 and 发布, and copy the template's id into `card_template_id`.
//! Invariant: its variables are those that [`super`] fills; `confirmed`, `asks` and `state` are private, each reader's own.
//! Weakness: the format is known from published examples (open-dingtalk/dingtalk-card-examples) and was not tried on the
//! real builder.

/// The file to import, JSON.
pub fn template() -> &'static str {
    include_str!("../../assets/card-template.json")
}
