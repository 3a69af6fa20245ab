//! The headline numbers.

use yuezhi_domain::{NoticeState, Requirement};
use yuezhi_store::{StoreError, Tx, notices::Notice, progress, progress::Totals};

use crate::console::{
    session::SignedIn,
    ui::{Markup, Share, grouped},
};

pub(super) fn read(tx: &mut Tx<'_>, notice_no: i64) -> Result<Totals, StoreError> {
    progress::totals(tx, notice_no)
}

/// The numbers as words and bars.
pub(super) struct Figures {
    pub total: String,
    pub let_off: String,
    pub read: String,
    pub read_percent: String,
    pub read_bar: Markup,
    /// Where a confirmation is asked for: number, percent, bar.
    pub confirmed: Option<(String, String, Markup)>,
    pub pending: String,
    pub late: Option<String>,
    pub owes: bool,
}

impl Figures {
    pub fn of(me: &SignedIn, notice: &Notice, totals: &Totals) -> Self {
        let asked = totals.total - totals.exempted;
        let read = Share::new(totals.opened, totals.total);
        let confirmed = Share::new(totals.acknowledged, asked);
        let owes = notice.requirement != Requirement::Inform;
        let is_late =
            notice.state == NoticeState::Open && notice.due_at.is_some_and(|due| me.now > due);
        Self {
            total: grouped(totals.total),
            let_off: if totals.exempted > 0 {
                me.t.with("console.notice.let_off", "n", grouped(totals.exempted))
            } else {
                String::new()
            },
            read: grouped(totals.opened),
            read_percent: read.percent(),
            read_bar: read.bar("read"),
            confirmed: (notice.requirement == Requirement::Confirm).then(|| {
                (
                    grouped(totals.acknowledged),
                    confirmed.percent(),
                    confirmed.bar(""),
                )
            }),
            pending: grouped(totals.pending),
            late: (owes && is_late).then(|| grouped(totals.pending)),
            owes,
        }
    }
}
