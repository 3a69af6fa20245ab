//! Counts what the organisation's monthly quotas are charged with, until a worker takes it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Which of the two quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MeteredKind {
    /// Paid calls of the open platform (付费 API 调用量).
    Api,
    /// Webhook and Stream messages (Webhook & Stream 调用量).
    Push,
}

impl MeteredKind {
    /// `api` or `push`, as the ledger keeps it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Push => "push",
        }
    }
}

/// So many calls of one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeteredCalls {
    pub kind: MeteredKind,
    /// Stable, snake_case: `notice_send`, `card_create`, `robot_webhook`.
    pub interface: &'static str,
    pub calls: u64,
}

/// What is left of the month's quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLeft {
    pub api: u64,
    pub push: u64,
}

/// The counters of one organisation.
#[derive(Debug, Default)]
pub struct Meter {
    calls: Mutex<BTreeMap<(MeteredKind, &'static str), u64>>,
    left: Mutex<Option<BudgetLeft>>,
}

impl Meter {
    pub(crate) fn count(&self, kind: MeteredKind, interface: &'static str) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry((kind, interface)).or_default() += 1;
    }

    /// Everything counted since the last time, by kind and interface.
    pub fn take(&self) -> Vec<MeteredCalls> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *calls)
            .into_iter()
            .map(|((kind, interface), calls)| MeteredCalls {
                kind,
                interface,
                calls,
            })
            .collect()
    }

    pub fn set_budget(&self, left: BudgetLeft) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(left);
    }

    pub fn budget(&self) -> Option<BudgetLeft> {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
