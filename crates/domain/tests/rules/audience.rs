use proptest::prelude::*;
use yuezhi_domain::audience::{Candidate, Expected, TreeError};
use yuezhi_domain::{Audience, AudienceError, DepartmentTree, Directory, Language, Resolved, Term};

fn department(reference: &str) -> Term {
    Term::Department {
        reference: reference.to_owned(),
        with_sub: true,
    }
}

fn read(text: &str) -> Audience {
    text.parse().unwrap()
}

struct Company(DepartmentTree);

/// 总部(1) > 财务部(2) > 资金组(3); 总部 > 人事部(4); 分公司(5) > 财务部(6).
fn company() -> Company {
    let rows = [
        (1, None, "总部"),
        (2, Some(1), "财务部"),
        (3, Some(2), "资金组"),
        (4, Some(1), "人事部"),
        (5, None, "分公司"),
        (6, Some(5), "财务部"),
    ];
    let rows = rows.map(|(no, parent, name)| (no, parent, name.to_owned()));
    Company(DepartmentTree::new(rows).unwrap())
}

impl Directory for Company {
    fn tree(&self) -> &DepartmentTree {
        &self.0
    }

    fn people(&self, reference: &str) -> Vec<Candidate> {
        [(1024, "张伟"), (1025, "张伟"), (1026, "李娜")]
            .into_iter()
            .filter(|(no, name)| *name == reference || no.to_string() == reference)
            .map(|(no, name)| Candidate {
                no,
                label: format!("{name} ({no})"),
            })
            .collect()
    }

    fn nearest(&self, reference: &str) -> Option<String> {
        reference.starts_with('财').then(|| "财务部".to_owned())
    }
}

#[test]
fn both_languages_mean_the_same() {
    let english = read("everyone, department:总部/财务部, department-only:人事部, -person:1024");
    let chinese = read("全员，部门：总部/财务部、仅部门：人事部 －人员：1024");
    assert_eq!(english, chinese);
    assert_eq!(
        chinese.show(Language::ZhCn),
        "全员，部门：总部/财务部，仅部门：人事部，-人员：1024"
    );
    assert_eq!(
        chinese.to_string(),
        "everyone, department:总部/财务部, department-only:人事部, -person:1024"
    );
}

#[test]
fn names_with_spaces_stand_in_quotes() {
    let audience = read("department:\"Sales & Service\" “R&D Team”");
    assert_eq!(
        audience.include,
        [
            department("Sales & Service"),
            Term::Named("R&D Team".to_owned())
        ]
    );
}

#[test]
fn exclusions_alone_mean_everyone_but_those() {
    let audience = read("-部门:实习生");
    assert_eq!(audience.include, [Term::Everyone]);
    assert_eq!(audience.exclude, [department("实习生")]);
}

#[test]
fn an_error_says_where_and_what_was_expected() {
    let error = |text: &str| text.parse::<Audience>().unwrap_err();
    let group = error("everyone, group:5");
    assert_eq!((group.position, group.expected), (11, Expected::TermWord));
    assert!(group.to_string().contains("\"group:\""));
    assert_eq!(
        (error("部门：").position, error("部门：").expected),
        (4, Expected::Name)
    );
    assert_eq!(error("person:\"张").expected, Expected::ClosingQuote);
    assert_eq!(
        (error(" ,").position, error("").expected),
        (3, Expected::Term)
    );
    assert_eq!(error("\"a\"b").expected, Expected::Separator);
    assert_eq!(error("everyone, -").expected, Expected::Term);
}

#[test]
fn a_department_includes_everything_below_it() {
    let resolved = read("department:总部/财务部").resolve(&company()).unwrap();
    assert!(resolved.includes(1, &[3]));
    assert!(!resolved.includes(1, &[6]));
    let only = read("department-only:总部/财务部")
        .resolve(&company())
        .unwrap();
    assert!(only.includes(1, &[2]) && !only.includes(1, &[3]));
}

#[test]
fn an_exclusion_overrides_an_inclusion() {
    let resolved = read("everyone, -分公司, -李娜")
        .resolve(&company())
        .unwrap();
    assert!(resolved.includes(7, &[2]));
    assert!(!resolved.includes(7, &[2, 6]));
    assert!(!resolved.includes(1026, &[2]));
}

#[test]
fn a_name_that_fits_twice_lists_the_candidates() {
    let error = read("department:财务部").resolve(&company()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"财务部\" fits more than one: 总部/财务部, 分公司/财务部"
    );
    let people = read("张伟").resolve(&company()).unwrap_err();
    assert!(matches!(people, AudienceError::Ambiguous { candidates, .. } if candidates.len() == 2));
}

#[test]
fn an_unknown_name_is_offered_the_nearest() {
    let error = read("department:财物部").resolve(&company()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"财物部\" is no known department; did you mean \"财务部\"?"
    );
    assert_eq!(
        read("everyone -everyone").resolve(&company()),
        Err(AudienceError::Empty)
    );
}

#[test]
fn a_department_above_itself_is_refused() {
    let row = |no, parent| (no, Some(parent), "a".to_owned());
    let tree = DepartmentTree::new([row(1, 2), row(2, 3), row(3, 1)]);
    assert!(matches!(tree, Err(TreeError::Cycle(_))));
    let below = DepartmentTree::new([row(1, 2), row(2, 3), row(3, 2)]);
    assert!(matches!(below, Err(TreeError::Cycle(2 | 3))));
    assert!(matches!(
        DepartmentTree::new([row(1, 1)]),
        Err(TreeError::Cycle(1))
    ));
    assert!(matches!(
        DepartmentTree::new([row(1, 9), row(1, 9)]),
        Err(TreeError::Twice(1))
    ));
}

#[test]
fn a_department_whose_parent_is_out_of_sight_is_a_root() {
    let tree = DepartmentTree::new([(2, Some(1), "财务部".to_owned())]).unwrap();
    assert_eq!(tree.path(2).as_deref(), Some("财务部"));
    assert_eq!(tree.find("财务部"), [2]);
}

#[test]
fn a_resolved_audience_is_kept_as_json() {
    let resolved = read("分公司, -1024").resolve(&company()).unwrap();
    let json = serde_json::to_string(&resolved).unwrap();
    assert_eq!(serde_json::from_str::<Resolved>(&json).unwrap(), resolved);
}

fn any_reference() -> impl Strategy<Value = String> {
    let name =
        "[ a-zA-Z0-9总部财务/:：,，、;；\"“”\\\\-]{1,8}".prop_map(|name| name.trim().to_owned());
    prop_oneof![
        name,
        prop::sample::select(vec!["everyone", "全员", "-x", "person", "张"])
            .prop_map(str::to_owned)
    ]
    .prop_filter("a reference is not empty", |name| !name.is_empty())
}

fn any_term() -> impl Strategy<Value = Term> {
    prop_oneof![
        Just(Term::Everyone),
        (any_reference(), any::<bool>()).prop_map(|(reference, with_sub)| Term::Department {
            reference,
            with_sub
        }),
        any_reference().prop_map(Term::Person),
        any_reference().prop_map(Term::Named),
    ]
}

fn unique(terms: Vec<Term>) -> Vec<Term> {
    let mut seen = Vec::new();
    for term in terms {
        if !seen.contains(&term) {
            seen.push(term);
        }
    }
    seen
}

proptest! {
    #[test]
    fn what_is_shown_reads_back_in_both_languages(
        include in prop::collection::vec(any_term(), 1..5),
        exclude in prop::collection::vec(any_term(), 0..4),
    ) {
        let audience = Audience { include: unique(include), exclude: unique(exclude) };
        for language in Language::ALL {
            let shown = audience.show(*language);
            prop_assert_eq!(shown.parse(), Ok(audience.clone()), "{}", shown);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,40}") {
        if let Ok(audience) = text.parse::<Audience>() {
            prop_assert!(!audience.include.is_empty());
        }
    }

    #[test]
    fn a_department_contains_exactly_those_whose_path_leads_through_it(
        parents in prop::collection::vec(any::<prop::sample::Index>(), 1..25),
    ) {
        let rows: Vec<_> = parents
            .iter()
            .enumerate()
            .map(|(no, parent)| (no as i64, (no > 0).then(|| parent.index(no) as i64), format!("d{no}")))
            .collect();
        let tree = DepartmentTree::new(rows).unwrap();
        for no in 0..parents.len() as i64 {
            let below = tree.with_sub(no);
            for other in 0..parents.len() as i64 {
                let mut way = std::iter::successors(Some(other), |here| tree.parent(*here));
                prop_assert_eq!(below.contains(&other), way.any(|here| here == no));
            }
            prop_assert_eq!(tree.find(&tree.path(no).unwrap()), vec![no]);
        }
    }
}
