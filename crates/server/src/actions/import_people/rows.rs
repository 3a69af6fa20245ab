//! Reads rows of a people table: column names in Chinese or English, each cell checked.

use std::collections::HashMap;

use yuezhi_documents::table::Table;
use yuezhi_store::people::NewPerson;

use crate::{actions::Refusal, texts::Texts};

/// One thing wrong with one row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RowProblem {
    /// Line in the file, the header being line 1.
    pub line: usize,
    /// The column as the file names it.
    pub column: String,
    /// `errors.row_<code>` says what is wrong.
    pub code: String,
    pub value: String,
}

impl RowProblem {
    pub fn message(&self, texts: Texts) -> String {
        texts.with(&format!("errors.row_{}", self.code), "value", &self.value)
    }
}

/// A checked row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    pub line: usize,
    pub staff_no: String,
    pub name: String,
    /// Paths; the first is the primary department.
    pub departments: Vec<String>,
    pub email: Option<String>,
    pub mobile: Option<String>,
    pub title: Option<String>,
    pub manager_staff_no: Option<String>,
    pub hired_on: Option<String>,
    pub language: Option<String>,
    pub dingtalk_user_id: Option<String>,
}

impl PersonRow {
    pub fn as_person(&self, department_nos: Vec<i64>) -> NewPerson {
        NewPerson {
            staff_no: self.staff_no.clone(),
            dingtalk_user_id: self.dingtalk_user_id.clone(),
            name: self.name.clone(),
            email: self.email.clone(),
            mobile: self.mobile.clone(),
            title: self.title.clone(),
            language: self.language.clone(),
            department_nos,
            manager_staff_no: self.manager_staff_no.clone(),
            hired_on: self.hired_on.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Column {
    StaffNo,
    Name,
    Department,
    Email,
    Mobile,
    Title,
    Manager,
    HiredOn,
    Language,
    DingTalk,
}

/// What a header may be called, lower-case and without spaces, `_` and `-`.
const NAMES: &[(Column, &[&str])] = &[
    (
        Column::StaffNo,
        &[
            "工号",
            "员工编号",
            "员工工号",
            "人员编号",
            "staffno",
            "staffnumber",
            "employeeid",
            "employeeno",
            "id",
            "userid",
        ],
    ),
    (
        Column::Name,
        &["姓名", "名字", "员工姓名", "name", "fullname"],
    ),
    (
        Column::Department,
        &[
            "部门",
            "所属部门",
            "部门名称",
            "组织",
            "department",
            "departments",
            "dept",
        ],
    ),
    (
        Column::Email,
        &[
            "邮箱",
            "电子邮箱",
            "邮件",
            "企业邮箱",
            "工作邮箱",
            "email",
            "mail",
            "emailaddress",
        ],
    ),
    (
        Column::Mobile,
        &[
            "手机",
            "手机号",
            "手机号码",
            "电话",
            "mobile",
            "phone",
            "mobilephone",
        ],
    ),
    (
        Column::Title,
        &["职务", "职位", "岗位", "title", "jobtitle", "position"],
    ),
    (
        Column::Manager,
        &[
            "直属上级工号",
            "上级工号",
            "直属上级",
            "主管工号",
            "manager",
            "managerstaffno",
            "managerid",
        ],
    ),
    (
        Column::HiredOn,
        &["入职日期", "入职时间", "hiredon", "hiredate", "startdate"],
    ),
    (Column::Language, &["语言", "language", "lang"]),
    (
        Column::DingTalk,
        &[
            "钉钉userid",
            "钉钉用户id",
            "钉钉id",
            "dingtalkuserid",
            "dingtalkid",
        ],
    ),
];

/// Checks every row. The header must at least name staff number, name and department.
pub(super) fn parse(table: &Table) -> Result<(Vec<PersonRow>, Vec<RowProblem>), Refusal> {
    let columns = columns(&table.headers);
    for (column, name) in [
        (Column::StaffNo, "工号 / staff_no"),
        (Column::Name, "姓名 / name"),
        (Column::Department, "部门 / department"),
    ] {
        if !columns.contains_key(&column) {
            return Err(Refusal::invalid("file", "people_column_missing")
                .with("column", name)
                .with("found", table.headers.join(", ")));
        }
    }
    if table.rows.is_empty() {
        return Err(Refusal::invalid("file", "people_no_rows"));
    }
    let mut reader = Reader {
        headers: &table.headers,
        columns,
        problems: Vec::new(),
        seen: HashMap::new(),
        seen_dingtalk: HashMap::new(),
    };
    let rows: Vec<PersonRow> = table
        .rows
        .iter()
        .filter_map(|row| reader.row(row.line, &row.cells))
        .collect();
    for row in &rows {
        if row.manager_staff_no.as_deref() == Some(row.staff_no.as_str()) {
            reader.problem(row.line, Column::Manager, "own_manager", &row.staff_no);
        }
    }
    let mut problems = reader.problems;
    problems.sort_by_key(|problem| problem.line);
    Ok((rows, problems))
}

fn columns(headers: &[String]) -> HashMap<Column, usize> {
    let mut found = HashMap::new();
    for (at, header) in headers.iter().enumerate() {
        let plain: String = header
            .trim()
            .trim_start_matches('\u{feff}')
            .to_lowercase()
            .chars()
            .filter(|c| {
                !c.is_whitespace() && !matches!(c, '_' | '-' | '*' | '（' | '）' | '(' | ')')
            })
            .collect();
        if let Some((column, _)) = NAMES
            .iter()
            .find(|(_, names)| names.contains(&plain.as_str()))
        {
            found.entry(*column).or_insert(at);
        }
    }
    found
}

struct Reader<'a> {
    headers: &'a [String],
    columns: HashMap<Column, usize>,
    problems: Vec<RowProblem>,
    seen: HashMap<String, usize>,
    seen_dingtalk: HashMap<String, usize>,
}

impl Reader<'_> {
    fn problem(&mut self, line: usize, column: Column, code: &str, value: &str) {
        let header = self
            .columns
            .get(&column)
            .and_then(|at| self.headers.get(*at))
            .cloned()
            .unwrap_or_default();
        self.problems.push(RowProblem {
            line,
            column: header,
            code: code.to_owned(),
            value: value.chars().take(80).collect(),
        });
    }

    fn cell(&self, cells: &[String], column: Column) -> Option<String> {
        let text = cells.get(*self.columns.get(&column)?)?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn row(&mut self, line: usize, cells: &[String]) -> Option<PersonRow> {
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return None;
        }
        let before = self.problems.len();
        let staff_no = self.cell(cells, Column::StaffNo).unwrap_or_default();
        if staff_no.is_empty() {
            self.problem(line, Column::StaffNo, "staff_no_missing", "");
        } else if staff_no.chars().count() > 64 || staff_no.chars().any(char::is_whitespace) {
            self.problem(line, Column::StaffNo, "staff_no_bad", &staff_no);
        } else if let Some(first) = self.seen.insert(staff_no.clone(), line) {
            self.problem(
                line,
                Column::StaffNo,
                "staff_no_twice",
                &format!("{staff_no} ({first})"),
            );
        }
        let name = self.cell(cells, Column::Name).unwrap_or_default();
        if name.is_empty() {
            self.problem(line, Column::Name, "name_missing", &staff_no);
        }
        let departments = self.departments(line, cells, &staff_no);
        let email = self.email(line, cells);
        let hired_on = self.hired_on(line, cells);
        let language = self.language(line, cells);
        let dingtalk_user_id = self.dingtalk_user_id(line, cells);
        let row = PersonRow {
            line,
            staff_no,
            name,
            departments,
            email,
            mobile: self.cell(cells, Column::Mobile).map(|m| {
                m.chars()
                    .filter(|c| !c.is_whitespace() && *c != '-')
                    .collect()
            }),
            title: self.cell(cells, Column::Title),
            manager_staff_no: self.cell(cells, Column::Manager),
            hired_on,
            language,
            dingtalk_user_id,
        };
        (self.problems.len() == before).then_some(row)
    }

    fn departments(&mut self, line: usize, cells: &[String], staff_no: &str) -> Vec<String> {
        let text = self.cell(cells, Column::Department).unwrap_or_default();
        let paths: Vec<String> = text
            .split([';', '；', '|'])
            .map(|path| {
                let parts: Vec<&str> = path
                    .split(['/', '>', '\\'])
                    .map(str::trim)
                    .filter(|p| !p.is_empty())
                    .collect();
                parts.join("/")
            })
            .filter(|path| !path.is_empty())
            .collect();
        if paths.is_empty() {
            self.problem(line, Column::Department, "department_missing", staff_no);
        }
        paths
    }

    fn email(&mut self, line: usize, cells: &[String]) -> Option<String> {
        let email = self.cell(cells, Column::Email)?.to_lowercase();
        let usable = email.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty()
                && host.contains('.')
                && !host.starts_with('.')
                && !host.ends_with('.')
                && !host.contains('@')
        }) && !email
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '<' | '>'));
        if !usable {
            self.problem(line, Column::Email, "email_bad", &email);
            return None;
        }
        Some(email)
    }

    fn dingtalk_user_id(&mut self, line: usize, cells: &[String]) -> Option<String> {
        let user_id = self.cell(cells, Column::DingTalk)?;
        if let Some(first) = self.seen_dingtalk.insert(user_id.clone(), line) {
            let value = format!("{user_id} ({first})");
            self.problem(line, Column::DingTalk, "dingtalk_twice", &value);
        }
        Some(user_id)
    }

    fn hired_on(&mut self, line: usize, cells: &[String]) -> Option<String> {
        let text = self.cell(cells, Column::HiredOn)?;
        let plain = text.replace(['/', '.', '年', '月'], "-").replace('日', "");
        let parts: Vec<Option<i16>> = plain
            .split(['-', ' ', 'T'])
            .take(3)
            .map(|p| p.trim().parse().ok())
            .collect();
        let date = match parts.as_slice() {
            [Some(year), Some(month), Some(day)] => {
                jiff::civil::Date::new(*year, *month as i8, *day as i8).ok()
            }
            _ => None,
        };
        if date.is_none() {
            self.problem(line, Column::HiredOn, "date_bad", &text);
        }
        date.map(|d| d.to_string())
    }

    fn language(&mut self, line: usize, cells: &[String]) -> Option<String> {
        let text = self.cell(cells, Column::Language)?;
        let known = match text.as_str() {
            "中文" | "简体中文" => Some(yuezhi_domain::Language::ZhCn),
            "英文" | "英语" | "English" => Some(yuezhi_domain::Language::En),
            other => crate::texts::parse_language(other),
        };
        if known.is_none() {
            self.problem(line, Column::Language, "language_bad", &text);
        }
        known.map(|l| l.as_str().to_owned())
    }
}
