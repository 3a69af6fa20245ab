//! The clause diff on the changes that regulations really see.

use yuezhi_documents::{ChangeKind, Counts, Diff, Language, diff};

use crate::support::{markdown, told};

fn compare(old: &str, new: &str) -> Diff {
    let (old, new) = (markdown(old).clauses(), markdown(new).clauses());
    let changes = diff(&old, &new);
    assert_eq!(changes.apply(&old), new);
    changes
}

const ARTICLES: [&str; 6] = [
    "为了规范差旅费的管理，制定本办法。",
    "本办法适用于公司全体员工。",
    "员工出差应当事先取得部门负责人同意。",
    "住宿费按照实际发生的金额在标准以内报销。",
    "出差结束后三十日内办理报销手续。",
    "本办法由财务部负责解释。",
];

fn regulation(articles: &[&str]) -> String {
    let numbers = ["一", "二", "三", "四", "五", "六", "七", "八"];
    articles
        .iter()
        .zip(numbers)
        .map(|(text, n)| format!("第{n}条 {text}\n\n"))
        .collect()
}

#[test]
fn one_inserted_article_renumbers_the_rest_and_rewords_none() {
    let mut new = ARTICLES.to_vec();
    new.insert(2, "任何人不得将个人旅行的费用作为差旅费报销。");
    let changes = compare(&regulation(&ARTICLES), &regulation(&new));
    let counts = changes.counts();
    assert_eq!(
        counts,
        Counts {
            unchanged: 2,
            added: 1,
            renumbered: 4,
            ..Counts::default()
        }
    );
    assert_eq!(
        changes.proposed_summary(Language::Chinese),
        "新增第三条；另有4条仅调整序号"
    );
    assert_eq!(
        changes.proposed_summary(Language::English),
        "Added 第三条; 4 renumbered only"
    );
}

#[test]
fn a_changed_number_is_the_only_thing_marked() {
    let mut new = ARTICLES.to_vec();
    new[4] = "出差结束后十五日内办理报销手续。";
    let changes = compare(&regulation(&ARTICLES), &regulation(&new));
    assert_eq!(
        told(&changes),
        ["Reworded 第五条→第五条 出差结束后[-三十-]{+十五+}日内办理报销手续。"]
    );
    assert_eq!(changes.proposed_summary(Language::Chinese), "修改第五条");
}

#[test]
fn an_article_reworded_and_renumbered_at_once_is_recognised() {
    let mut new = ARTICLES.to_vec();
    new[3] = "住宿费按照实际发生的金额报销，但是不得超出标准。";
    new.insert(0, "本办法是公司财务制度的组成部分。");
    let changes = compare(&regulation(&ARTICLES), &regulation(&new));
    let reworded = changes
        .changes
        .iter()
        .find(|c| c.kind == ChangeKind::Reworded)
        .unwrap();
    assert_eq!(
        reworded.old.as_ref().unwrap().label.as_deref(),
        Some("第四条")
    );
    assert_eq!(
        reworded.new.as_ref().unwrap().label.as_deref(),
        Some("第五条")
    );
}

#[test]
fn a_deleted_article_stands_at_its_old_place() {
    let new: Vec<&str> = ARTICLES
        .iter()
        .copied()
        .filter(|a| !a.starts_with("住宿费"))
        .collect();
    let changes = compare(&regulation(&ARTICLES), &regulation(&new));
    let at = changes
        .changes
        .iter()
        .position(|c| c.kind == ChangeKind::Deleted)
        .unwrap();
    assert_eq!(
        changes.changes[at - 1]
            .new
            .as_ref()
            .unwrap()
            .label
            .as_deref(),
        Some("第三条")
    );
    assert_eq!(
        changes.changes[at + 1]
            .new
            .as_ref()
            .unwrap()
            .label
            .as_deref(),
        Some("第四条")
    );
    assert_eq!(
        changes.proposed_summary(Language::Chinese),
        "删除原第四条；另有2条仅调整序号"
    );
}

#[test]
fn an_article_that_moved_is_not_deleted_and_added() {
    let mut new = ARTICLES.to_vec();
    let moved = new.remove(1);
    new.insert(4, moved);
    let changes = compare(&regulation(&ARTICLES), &regulation(&new));
    assert_eq!(
        (
            changes.counts().moved,
            changes.counts().added,
            changes.counts().deleted
        ),
        (1, 0, 0)
    );
    assert!(!changes.has_new_words());
}

#[test]
fn widths_and_spaces_are_no_change() {
    let changes = compare(
        "第一条 费用(含税)不超过500元.\n",
        "第一条　费用（含税）不超过 500元．\n",
    );
    assert_eq!(
        changes.counts(),
        Counts {
            unchanged: 1,
            ..Counts::default()
        }
    );
}

#[test]
fn a_new_first_paragraph_changes_the_article_and_adds_none() {
    let changes = compare(
        "第一条 员工应当按时上班。\n",
        "第一条 工作时间为九点至十八点。\n\n员工应当按时上班。\n",
    );
    assert_eq!(changes.proposed_summary(Language::Chinese), "修改第一条");
}

#[test]
fn an_item_added_to_an_article_counts_as_a_change_of_it() {
    let old = "第一条 下列费用不予报销：\n（一）罚款；\n（二）礼品。\n";
    let new = "第一条 下列费用不予报销：\n（一）罚款；\n（二）个人用品；\n（三）礼品。\n";
    let changes = compare(old, new);
    assert_eq!(
        told(&changes),
        [
            "Added –→（二） {+个人用品；+}",
            "Renumbered （二）→（三） 礼品。"
        ]
    );
    assert_eq!(changes.proposed_summary(Language::Chinese), "修改第一条");
}

#[test]
fn english_handbooks_compare_by_word_and_heading() {
    let old = "# Handbook\n\n## Laptop policy\n\nWe order a new laptop for everyone.\n\n## Leave\n\nYou have 20 days of leave.\n";
    let new = "# Handbook\n\n## Computer policy\n\nWe order a new computer for everyone.\n\n## Leave\n\nYou have 25 days of leave.\n";
    let changes = compare(old, new);
    assert_eq!(
        told(&changes),
        [
            "Reworded ¶→¶ [-Laptop-]{+Computer+} policy",
            "Reworded ¶→¶ We order a new [-laptop-]{+computer+} for everyone.",
            "Reworded ¶→¶ You have [-20-]{+25+} days of leave."
        ]
    );
    assert_eq!(
        changes.proposed_summary(Language::English),
        "Changed “Computer policy”, “Leave”"
    );
}

#[test]
fn rows_that_repeat_are_paired_in_order() {
    let table = |rows: &[&str]| format!("| 城市 | 标准 |\n|---|---|\n{}", rows.concat());
    let row = "| 其他 | 350 |\n";
    let changes = compare(
        &table(&[row, row, "| 北京 | 500 |\n", row]),
        &table(&[row, "| 北京 | 600 |\n", row]),
    );
    assert_eq!(
        (
            changes.counts().unchanged,
            changes.counts().reworded,
            changes.counts().deleted
        ),
        (3, 1, 1)
    );
}

#[test]
fn a_heading_with_other_words_is_the_heading_of_its_text() {
    let changes = compare(
        "# 手册\n\n## 笔记本\n\n每人一台电脑，三年一换。\n",
        "# 手册\n\n## 设备\n\n每人一台电脑，三年一换。\n",
    );
    assert_eq!(told(&changes), ["Reworded ¶→¶ [-笔记本-]{+设备+}"]);
    assert_eq!(changes.proposed_summary(Language::Chinese), "修改「设备」");
}

#[test]
fn a_diff_survives_json() {
    let changes = compare(&regulation(&ARTICLES), &regulation(&ARTICLES[1..]));
    let json = serde_json::to_string(&changes).unwrap();
    assert_eq!(serde_json::from_str::<Diff>(&json).unwrap(), changes);
}

/// The shape of a hundred-page document; a quadratic step would take minutes here.
#[test]
fn long_documents_with_nothing_in_common_are_compared_in_bounded_time() {
    let text = |salt: u32| -> String {
        (0..3_000u32)
            .map(|n| {
                let word = |k: u32| {
                    char::from_u32(0x4e00 + (n * 7919 + k * 104_729 + salt * 31) % 20_000)
                        .unwrap_or('字')
                };
                let words: String = (0..40).map(word).collect();
                format!("第{}条 {words}。\n\n", n + 1)
            })
            .collect()
    };
    let changes = compare(&text(1), &text(2));
    assert!(changes.counts().changed() > 0);
}
