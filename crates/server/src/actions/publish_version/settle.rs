//! Decides every field of a publication: request → front matter → the policy's last notice → default.
//!
//! Called by `plan` and `publish` alike, so that both speak of the same thing. Reads the file off the async threads
//! and the database once; writes nothing. Every wrong field is a refusal that names it.

use std::{str::FromStr, time::Duration};

use yuezhi_documents::{Clause, Diff, Document, Limits};
use yuezhi_domain::{
    Audience, ChangeKind, ContentHash, DueDate, Language, NoticeState, ReminderPlan, Requirement,
    Resolved, Slug, UnixMillis,
};
use yuezhi_store::{
    audience, contents, notices, notices::Notice, policies, policies::Policy, versions,
    versions::Version,
};

use super::{ActionError, PublishRequest, Published, UploadedFile, due, lanes};
use crate::{
    actions::Refusal,
    app::App,
    documents::{bounded, document_refusal},
    naming, refusals,
    texts::{Texts, parse_language},
};

/// How long a file may take to be read.
const LONGEST_READING: Duration = Duration::from_secs(30);
const LONGEST_TITLE: usize = 200;
const LONGEST_SUMMARY: usize = 2_000;

/// Everything decided; nothing written.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub now: UnixMillis,
    pub document: Document,
    pub html: String,
    pub text: String,
    pub text_hash: ContentHash,
    pub clauses: Vec<Clause>,
    pub file: UploadedFile,
    pub attachments: Vec<UploadedFile>,
    pub slug: Slug,
    pub title: String,
    pub category: String,
    pub owner: String,
    pub language: Language,
    pub label: String,
    pub change: ChangeKind,
    pub summary: String,
    pub summary_is_proposed: bool,
    pub effective_on: Option<String>,
    pub requirement: Requirement,
    pub audience: Audience,
    pub resolved: Resolved,
    pub lanes: Vec<String>,
    pub plan: ReminderPlan,
    pub due: Option<DueDate>,
    pub consent_text: String,
    pub known: Known,
    pub diff: Option<Diff>,
    pub warnings: Vec<Refusal>,
}

/// What the database knows of the policy.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub policy: Option<Policy>,
    pub latest: Option<Version>,
    pub last_notice: Option<Notice>,
    pub open_notices: Vec<Notice>,
    latest_document: Option<Vec<u8>>,
}

impl Settled {
    /// The newest version holds this very text and name already.
    pub(super) fn unchanged(&self) -> Option<Published> {
        let latest = self.known.latest.as_ref()?;
        (latest.text_hash == self.text_hash && latest.title == self.title).then(|| {
            Published::Unchanged {
                policy_slug: self.slug.to_string(),
                version_id: latest.id,
                label: latest.label.clone(),
            }
        })
    }
}

pub(super) async fn settle(app: &App, request: &PublishRequest) -> Result<Settled, ActionError> {
    let now = app.now();
    let read = read_file(app, request).await?;
    let front = read.document.front_matter.clone();
    let slug = slug_of(request, &front, &read.document)?;
    let known = load_known(app, slug.clone()).await?;
    let previous = known.last_notice.as_ref();
    let latest = known.latest.as_ref();

    let title = pick(&request.title, &front.title, || {
        latest.map(|v| v.title.clone())
    })
    .or_else(|| read.document.title.clone())
    .ok_or_else(|| Refusal::invalid("title", "title_missing"))?;
    within("title", "title_too_long", &title, LONGEST_TITLE)?;
    let policy = known.policy.as_ref();
    let category = pick(&request.category, &front.category, || {
        policy.map(|p| p.category.clone())
    })
    .unwrap_or_default();
    let owner = pick(&request.owner, &front.owner, || {
        policy.map(|p| p.owner.clone())
    })
    .unwrap_or_default();
    let language = language_of(app, request, &front, latest, &read.text)?;
    let change = match &request.change {
        Some(change) => *change,
        None => word("change", "change_bad", front.change.as_deref())?.unwrap_or(ChangeKind::Major),
    };
    let requirement = match &request.requirement {
        Some(requirement) => *requirement,
        None => word("requirement", "requirement_bad", front.require.as_deref())?
            .or_else(|| previous.map(|n| n.requirement))
            .unwrap_or(Requirement::Confirm),
    };
    let diff = known.diff_to(&read).await?;
    let given_summary = pick(&request.summary, &front.summary, || None);
    let summary_is_proposed = given_summary.is_none();
    let summary = given_summary.unwrap_or_else(|| proposed_summary(diff.as_ref(), language));
    within("summary", "summary_too_long", &summary, LONGEST_SUMMARY)?;
    let effective_on = effective_of(pick(&request.effective, &front.effective, || None))?;
    let mut warnings = front_matter_warnings(&front);

    let (audience, resolved) =
        settle_audience(app, request, front.audience.as_deref(), previous).await?;
    // What was told to nobody passes on neither its silence nor its plan: silence has to be asked for.
    let told = previous.filter(|notice| !notice.channels.is_empty());
    let words = channel_words(app, request, &front.channels, told);
    let asked = lanes::Asked {
        words: &words,
        requirement,
        language,
        resolved: &resolved,
        now,
    };
    let lanes = lanes::settle(app, &asked).await?;
    let due = due::settle(
        app,
        pick(&request.due, &front.due, || None),
        requirement,
        now,
    )?;
    let plan = settle_plan(request, &front.remind, told, requirement, due.is_some())?;
    warnings.extend(due::warnings(due.as_ref()));
    let label = label_of(request, &front, latest, change);
    let consent_text =
        Texts::of(language).with2("messages.consent", "title", &title, "label", &label);
    check_attachments(app, &request.attachments)?;

    Ok(Settled {
        now,
        text_hash: ContentHash::of(read.text.as_bytes()),
        document: read.document,
        html: read.html,
        text: read.text,
        clauses: read.clauses,
        file: request.file.clone(),
        attachments: request.attachments.clone(),
        slug,
        title,
        category,
        owner,
        language,
        label,
        change,
        summary,
        summary_is_proposed,
        effective_on,
        requirement,
        audience,
        resolved,
        lanes,
        plan,
        due,
        consent_text,
        known,
        diff,
        warnings,
    })
}

/// The reading of a file.
struct Read {
    document: Document,
    html: String,
    text: String,
    clauses: Vec<Clause>,
}

async fn read_file(app: &App, request: &PublishRequest) -> Result<Read, ActionError> {
    if request.file.name.trim().is_empty() {
        return Err(Refusal::invalid("file", "file_missing").into());
    }
    let limits = Limits {
        max_file_bytes: app.max_upload_bytes(),
        ..Limits::default()
    };
    let file = request.file.clone();
    let read = bounded(LONGEST_READING, move || {
        yuezhi_documents::read(&file.name, &file.bytes, &limits).map(|document| Read {
            html: document.html(),
            text: document.text(),
            clauses: document.clauses(),
            document,
        })
    })
    .await?;
    Ok(read.map_err(|error| document_refusal("file", &error))?)
}

/// What people may leave to the file or to history: the first that is there and not blank.
fn pick(
    asked: &Option<String>,
    front: &Option<String>,
    before: impl FnOnce() -> Option<String>,
) -> Option<String> {
    let filled = |text: &Option<String>| {
        text.as_deref()
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(ToOwned::to_owned)
    };
    filled(asked).or_else(|| filled(front)).or_else(before)
}

fn word<T: FromStr>(
    field: &'static str,
    code: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Refusal> {
    text.map(str::trim)
        .filter(|t| !t.is_empty())
        .map(|t| {
            t.parse()
                .map_err(|_| Refusal::invalid(field, code).with("text", t))
        })
        .transpose()
}

fn within(
    field: &'static str,
    code: &'static str,
    text: &str,
    limit: usize,
) -> Result<(), Refusal> {
    let actual = text.chars().count();
    if actual > limit {
        return Err(Refusal::invalid(field, code)
            .with("actual", actual)
            .with("limit", limit));
    }
    Ok(())
}

fn slug_of(
    request: &PublishRequest,
    front: &yuezhi_documents::FrontMatter,
    document: &Document,
) -> Result<Slug, Refusal> {
    match pick(&request.policy, &front.policy, || None) {
        Some(text) => text.parse().map_err(|detail| {
            Refusal::invalid("policy", "slug_bad")
                .with("slug", &text)
                .with("detail", detail)
        }),
        None => {
            let title = request
                .title
                .as_deref()
                .or(front.title.as_deref())
                .or(document.title.as_deref());
            Ok(Slug::from_file_name(
                naming::read(&request.file.name).stem,
                title.unwrap_or_default(),
            ))
        }
    }
}

async fn load_known(app: &App, slug: Slug) -> Result<Known, ActionError> {
    app.db
        .read(move |tx| {
            let Some(policy) = policies::by_slug(tx, slug.as_str())? else {
                return Ok::<_, ActionError>(Known::default());
            };
            let latest = versions::latest(tx, policy.no)?;
            let latest_document = match &latest {
                Some(version) => contents::get(tx, &version.document_hash)?,
                None => None,
            };
            let of_policy = notices::of_policy(tx, policy.no, 50)?;
            let open = |n: &Notice| matches!(n.state, NoticeState::Open | NoticeState::Expanding);
            Ok(Known {
                open_notices: of_policy.iter().filter(|n| open(n)).cloned().collect(),
                last_notice: of_policy.into_iter().next(),
                policy: Some(policy),
                latest,
                latest_document,
            })
        })
        .await
}

impl Known {
    /// The clauses of the newest version against those of the new file.
    async fn diff_to(&self, read: &Read) -> Result<Option<Diff>, ActionError> {
        let Some(bytes) = self.latest_document.clone() else {
            return Ok(None);
        };
        let clauses = read.clauses.clone();
        bounded(LONGEST_READING, move || {
            let before: Document = serde_json::from_slice(&bytes).map_err(ActionError::internal)?;
            Ok(Some(yuezhi_documents::diff(&before.clauses(), &clauses)))
        })
        .await?
    }
}

fn language_of(
    app: &App,
    request: &PublishRequest,
    front: &yuezhi_documents::FrontMatter,
    latest: Option<&Version>,
    text: &str,
) -> Result<Language, Refusal> {
    if let Some(tag) = pick(&request.language, &front.language, || None) {
        return parse_language(&tag)
            .ok_or_else(|| Refusal::invalid("language", "language_bad").with("text", &tag));
    }
    if let Some(latest) = latest {
        return Ok(latest.language);
    }
    let (mut chinese, mut latin) = (0usize, 0usize);
    for letter in text.chars().take(20_000) {
        match letter {
            '\u{4e00}'..='\u{9fff}' => chinese += 1,
            'a'..='z' | 'A'..='Z' => latin += 1,
            _ => {}
        }
    }
    // An English word has about five letters, a Chinese one two.
    Ok(if chinese * 3 >= latin && chinese > 0 {
        Language::ZhCn
    } else if latin > 0 {
        Language::En
    } else {
        app.language
    })
}

fn proposed_summary(diff: Option<&Diff>, language: Language) -> String {
    let language = match language {
        Language::ZhCn => yuezhi_documents::Language::Chinese,
        Language::En => yuezhi_documents::Language::English,
    };
    diff.map(|diff| diff.proposed_summary(language))
        .unwrap_or_default()
}

fn effective_of(text: Option<String>) -> Result<Option<String>, Refusal> {
    text.map(|text| {
        text.parse::<jiff::civil::Date>()
            .map(|date| date.to_string())
            .map_err(|_| Refusal::invalid("effective", "effective_bad").with("text", &text))
    })
    .transpose()
}

fn front_matter_warnings(front: &yuezhi_documents::FrontMatter) -> Vec<Refusal> {
    front
        .unknown
        .iter()
        .map(|key| Refusal::invalid("file", "front_matter_unknown_key").with("key", key))
        .collect()
}

async fn settle_audience(
    app: &App,
    request: &PublishRequest,
    front: Option<&str>,
    previous: Option<&Notice>,
) -> Result<(Audience, Resolved), ActionError> {
    let text = pick(&request.audience, &front.map(ToOwned::to_owned), || {
        previous.map(|n| n.audience.clone())
    });
    let audience = match text {
        Some(text) => text
            .parse::<Audience>()
            .map_err(|error| refusals::audience_syntax(&error, app.texts()))?,
        None => Audience::everyone(),
    };
    let asked = audience.clone();
    let resolved = app
        .db
        .read(move |tx| Ok::<_, ActionError>(audience::resolve(tx, &asked)?))
        .await?
        .map_err(|error| refusals::audience(&error))?;
    Ok((audience, resolved))
}

/// Who says over which channels it goes: the request, the file, the last notice, or nobody.
fn channel_words(
    app: &App,
    request: &PublishRequest,
    front: &[String],
    previous: Option<&Notice>,
) -> Vec<String> {
    match (&request.channels, front, previous) {
        (Some(words), _, _) => words.clone(),
        (None, [], Some(previous)) => previous
            .channels
            .iter()
            .map(|lane| lanes::word_of(lane).to_owned())
            .collect(),
        (None, [], None) => lanes::first_words(&app.channels()),
        (None, front, _) => front.to_vec(),
    }
}

fn settle_plan(
    request: &PublishRequest,
    front: &Option<String>,
    previous: Option<&Notice>,
    requirement: Requirement,
    has_due: bool,
) -> Result<ReminderPlan, Refusal> {
    let text = pick(&request.plan, front, || previous.map(|n| n.plan.clone()));
    match text {
        Some(text) => text.parse().map_err(|error| refusals::plan(&text, &error)),
        None => Ok(ReminderPlan::default_for(requirement, has_due)),
    }
}

/// `3.0` after `2.1` for a major change, `2.2` for a minor one.
fn label_of(
    request: &PublishRequest,
    front: &yuezhi_documents::FrontMatter,
    latest: Option<&Version>,
    change: ChangeKind,
) -> String {
    let in_name = || {
        let named = naming::read(&request.file.name);
        named.label.map(ToOwned::to_owned)
    };
    if let Some(label) = pick(&request.label, &front.version, in_name) {
        return label.chars().take(40).collect();
    }
    let Some(latest) = latest else {
        return "1.0".to_owned();
    };
    let numbers = latest
        .label
        .trim_start_matches(['v', 'V'])
        .split_once('.')
        .unwrap_or((latest.label.as_str(), "0"));
    match (numbers.0.parse::<u32>(), numbers.1.parse::<u32>(), change) {
        (Ok(major), Ok(_), ChangeKind::Major) => format!("{}.0", major + 1),
        (Ok(major), Ok(minor), ChangeKind::Minor) => format!("{major}.{}", minor + 1),
        _ => format!("{}.0", latest.number + 1),
    }
}

fn check_attachments(app: &App, attachments: &[UploadedFile]) -> Result<(), Refusal> {
    let limit = app.max_upload_bytes();
    match attachments
        .iter()
        .find(|file| file.bytes.len() as u64 > limit)
    {
        Some(file) => Err(Refusal::invalid("attachments", "attachment_too_large")
            .with("name", &file.name)
            .with("limit", format!("{} MiB", limit / 1_048_576))),
        None => Ok(()),
    }
}
