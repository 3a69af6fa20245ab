//! One row of an answer, read by column number or from left to right.

use super::{
    error::StoreError,
    value::{FromValue, Value},
};

/// The values of one row, in the order of the query's columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub(super) values: Vec<Value<'static>>,
}

impl Row {
    /// Column `index`, counted from 0.
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T, StoreError> {
        let unreadable = |found: String| StoreError::Unreadable {
            column: index,
            wanted: T::WANTED,
            found,
        };
        let value = self
            .values
            .get(index)
            .ok_or_else(|| unreadable("nothing: the row is shorter".to_owned()))?;
        T::from_value(value).ok_or_else(|| unreadable(value.kind().to_owned()))
    }

    /// Reads column after column; struct fields in the order of the query's columns read well with it.
    pub fn columns(&self) -> Columns<'_> {
        Columns { row: self, next: 0 }
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// A row being read from left to right.
pub struct Columns<'a> {
    row: &'a Row,
    next: usize,
}

impl Columns<'_> {
    /// The next column.
    pub fn take<T: FromValue>(&mut self) -> Result<T, StoreError> {
        let index = self.next;
        self.next += 1;
        self.row.get(index)
    }
}
