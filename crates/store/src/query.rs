//! A statement put together from parts, for lists with optional conditions.
//!
//! Invariant: values only ever become parameters; the parts are texts of this crate.

use crate::Value;

pub(crate) struct Query {
    sql: String,
    params: Vec<Value<'static>>,
}

impl Query {
    /// A text whose own placeholders `?1` … stand for `params`.
    pub(crate) fn new(sql: &str, params: Vec<Value<'static>>) -> Self {
        Self {
            sql: sql.to_owned(),
            params,
        }
    }

    pub(crate) fn push(&mut self, part: &str) -> &mut Self {
        self.sql.push_str(part);
        self
    }

    /// Puts a parameter here.
    pub(crate) fn bind(&mut self, value: Value<'static>) -> &mut Self {
        self.place(value, "?", "")
    }

    pub(crate) fn bind_text(&mut self, text: &str) -> &mut Self {
        self.bind(Value::from_text(Some(text.to_owned())))
    }

    /// Puts "is one of these numbers" here, given as JSON.
    pub(crate) fn bind_ids(&mut self, json: String) -> &mut Self {
        self.place(Value::from_text(Some(json)), "{in_ids ?", "}")
    }

    /// The same, for a short list inside a subquery that runs for each row.
    pub(crate) fn bind_any_id(&mut self, json: String) -> &mut Self {
        self.place(Value::from_text(Some(json)), "{any_id ?", "}")
    }

    /// Puts "is one of these texts" here, given as JSON.
    pub(crate) fn bind_texts(&mut self, json: String) -> &mut Self {
        self.place(Value::from_text(Some(json)), "{in_texts ?", "}")
    }

    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    pub(crate) fn params(&self) -> &[Value<'static>] {
        &self.params
    }

    /// Another value for a parameter, counted from 1, so that the statement can run again.
    pub(crate) fn set(&mut self, place: usize, value: Value<'static>) {
        if let Some(param) = self.params.get_mut(place - 1) {
            *param = value;
        }
    }

    /// The place that the last parameter got.
    pub(crate) fn last_place(&self) -> usize {
        self.params.len()
    }

    fn place(&mut self, value: Value<'static>, before: &str, after: &str) -> &mut Self {
        self.params.push(value);
        let place = self.params.len().to_string();
        self.push(before).push(&place).push(after)
    }
}
