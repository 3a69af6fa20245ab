//! The table by department: deeper colour, larger gap.

use std::collections::BTreeMap;

use yuezhi_domain::Requirement;
use yuezhi_store::{
    notices::Notice,
    progress::{DepartmentProgress, Totals},
};

use crate::console::{
    session::SignedIn,
    ui::{Share, address, grouped},
};

/// Rows shown before somebody asks for all.
const SHOWN: usize = 24;
const DEEPEST: usize = 3;

pub(super) struct Row {
    pub href: String,
    pub name: String,
    pub depth: usize,
    pub total: String,
    pub read: String,
    pub read_heat: i64,
    /// Percent and depth of colour, where a confirmation is asked for.
    pub confirmed: Option<(String, i64)>,
    pub pending: String,
}

pub(super) struct Table {
    pub rows: Vec<Row>,
    /// How many more there are, and where to see them.
    pub more: Option<(usize, String)>,
    pub asks_confirmation: bool,
}

impl Table {
    pub fn of(
        me: &SignedIn,
        notice: &Notice,
        by_department: &[DepartmentProgress],
        all: bool,
    ) -> Self {
        let sums = rolled_up(by_department);
        let base = common_depth(&sums);
        let shown: Vec<(&String, &Totals)> = sums
            .iter()
            .filter(|(path, _)| depth(path) >= base && (all || depth(path) <= base + DEEPEST))
            .collect();
        let limit = if all { usize::MAX } else { SHOWN };
        let path = format!("/console/notices/{}", notice.id);
        let asks_confirmation = notice.requirement == Requirement::Confirm;
        let row = |(department, totals): &(&String, &Totals)| {
            let read = Share::new(totals.opened, totals.total);
            let confirmed = Share::new(totals.acknowledged, totals.total - totals.exempted);
            let name = department.rsplit('/').next().unwrap_or_default();
            Row {
                href: format!(
                    "{}#outstanding",
                    address(&path, &[("department", department)])
                ),
                name: if name.is_empty() {
                    me.t.get("console.no_department").to_owned()
                } else {
                    name.to_owned()
                },
                depth: (depth(department) - base).min(DEEPEST),
                total: grouped(totals.total),
                read: read.percent(),
                read_heat: read.heat(),
                confirmed: asks_confirmation.then(|| (confirmed.percent(), confirmed.heat())),
                pending: grouped(totals.pending),
            }
        };
        let known = sums.keys().filter(|path| depth(path) >= base).count();
        let hidden = known.saturating_sub(shown.len().min(limit));
        let everything = format!("{}#departments", address(&path, &[("departments", "all")]));
        Self {
            rows: shown.iter().take(limit).map(row).collect(),
            more: (!all && hidden > 0).then_some((known, everything)),
            asks_confirmation,
        }
    }
}

fn depth(path: &str) -> usize {
    path.matches('/').count()
}

/// Every department with those below it.
fn rolled_up(by_department: &[DepartmentProgress]) -> BTreeMap<String, Totals> {
    let mut sums: BTreeMap<String, Totals> = BTreeMap::new();
    for department in by_department {
        let mut path = department.path.as_str();
        loop {
            add(sums.entry(path.to_owned()).or_default(), &department.totals);
            let Some((above, _)) = path.rsplit_once('/') else {
                break;
            };
            path = above;
        }
    }
    sums
}

fn add(sum: &mut Totals, more: &Totals) {
    sum.total += more.total;
    sum.pending += more.pending;
    sum.opened += more.opened;
    sum.acknowledged += more.acknowledged;
    sum.exempted += more.exempted;
}

/// Where everybody is below one root, the root says nothing.
fn common_depth(sums: &BTreeMap<String, Totals>) -> usize {
    let roots = sums.keys().filter(|path| depth(path) == 0).count();
    usize::from(roots == 1 && sums.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_department_counts_those_below_it() {
        let of = |path: &str, total| DepartmentProgress {
            department_no: 1,
            path: path.to_owned(),
            totals: Totals {
                total,
                ..Totals::default()
            },
        };
        let sums = rolled_up(&[of("总部/财务部", 3), of("总部/研发中心/平台组", 5)]);
        assert_eq!(sums["总部"].total, 8);
        assert_eq!(sums["总部/研发中心"].total, 5);
        assert_eq!(common_depth(&sums), 1);
    }
}
