//! Short ways to publish, to read as an employee, and to see what stands in the database and in the chats.

use yuezhi_domain::{ChangeKind, Requirement, UnixMillis};
use yuezhi_sandbox::Message;
use yuezhi_server::actions::{
    ActionError, Actor,
    publish_version::{
        self, PublishRequest, Published, PublishedVersion, UploadedFile, VersionSource,
    },
};
use yuezhi_store::{deliveries, obligations, occurrences, people, progress};

use super::{Answer, TestApp, Visitor};

/// A short policy about travel in Markdown.
pub(crate) fn travel(limit: u32) -> String {
    format!(
        "---\npolicy: travel\ntitle: 差旅费报销办法\nowner: 财务部\n---\n\n# 差旅费报销办法\n\n第一条 为规范差旅费报销，制定本办法。\n\n\
         第二条 住宿费每日不超过 {limit} 元。\n\n第三条 报销应当在返回后三十日内提出。\n"
    )
}

/// A request to publish [`travel`] to everybody, to be confirmed.
pub(crate) fn publish_travel(limit: u32) -> PublishRequest {
    publish_text("travel.md", &travel(limit))
}

pub(crate) fn publish_text(name: &str, text: &str) -> PublishRequest {
    let file = UploadedFile {
        name: name.to_owned(),
        bytes: text.to_owned().into(),
    };
    PublishRequest::of_file(Actor::System, VersionSource::Api, file)
}

/// The first address of this server in a text, as a path.
pub(crate) fn path_in(text: &str) -> Option<String> {
    let (_, after) = text.split_once(super::PUBLIC_URL)?;
    let end = |c: char| c.is_whitespace() || matches!(c, ')' | ']' | '"' | '<' | '>' | '」');
    Some(after.split(end).next().unwrap_or_default().to_owned())
}

/// All the words of a chat message.
pub(crate) fn words(message: &Message) -> String {
    message.content.visible_strings().join("\n")
}

/// The path that a chat message leads to.
pub(crate) fn path_of(message: &Message) -> String {
    message
        .content
        .urls()
        .iter()
        .find_map(|url| path_in(url))
        .unwrap_or_else(|| panic!("no link in {:?}", message.content))
}

impl TestApp {
    /// Publishes and lets everything go out.
    pub(crate) async fn publish(&self, request: PublishRequest) -> PublishedVersion {
        let published = self.try_publish(request).await.unwrap();
        let Published::New(published) = published else {
            panic!("nothing new: {published:?}")
        };
        self.work().await;
        *published
    }

    pub(crate) async fn try_publish(
        &self,
        request: PublishRequest,
    ) -> Result<Published, ActionError> {
        Box::pin(publish_version::publish(&self.app, request)).await
    }

    /// Publishes the travel policy with the channels given.
    pub(crate) async fn publish_travel_over(
        &self,
        limit: u32,
        channels: &[&str],
    ) -> PublishedVersion {
        let mut request = publish_travel(limit);
        request.channels = Some(channels.iter().map(|lane| (*lane).to_owned()).collect());
        self.publish(request).await
    }

    /// What has arrived in the group of the robot, oldest first.
    pub(crate) fn chat(&self, group: &str) -> Vec<Message> {
        self.dingtalk()
            .messages()
            .into_iter()
            .filter(|message| message.conversation == group)
            .collect()
    }

    pub(crate) async fn person_no(&self, staff_no: &'static str) -> i64 {
        self.read(move |tx| Ok(people::by_staff_no(tx, staff_no)?.unwrap().no))
            .await
    }

    /// Somebody's personal link to a notice, as a mail holds it.
    pub(crate) async fn personal_link(
        &self,
        staff_no: &'static str,
        published: &PublishedVersion,
    ) -> String {
        let key = self
            .app
            .link_key
            .notice_link(published.notice_no, self.person_no(staff_no).await);
        format!("/n/{}?k={key}", published.notice_id)
    }

    /// Opens the personal link and presses the button.
    pub(crate) async fn confirm(
        &self,
        staff_no: &'static str,
        published: &PublishedVersion,
    ) -> Answer {
        let link = self.personal_link(staff_no, published).await;
        let visitor = self.visitor();
        let page = visitor.get(&link).await.expect(200);
        visitor
            .submit(&page.form("/confirmation").expect("the page has the button"))
            .await
    }

    /// Makes the first account and is signed in to the console.
    pub(crate) async fn administrator(&self) -> Visitor<'_> {
        let visitor = self.visitor();
        let code = self.app.link_key.set_up_code();
        let fields = [
            ("code", code.as_str()),
            ("login", "admin"),
            ("name", "管理员"),
            ("password", "a long password 1"),
        ];
        visitor.post("/console/setup", &fields).await.expect(200);
        visitor
    }

    /// Signs in as an employee through DingTalk's page.
    pub(crate) async fn signed_in(&self, staff_no: &str) -> Visitor<'_> {
        let visitor = self.visitor();
        let away = visitor.get("/my/sign-in/dingtalk?next=/my").await;
        let back = self
            .agree_at_dingtalk(away.header("location"), staff_no)
            .await;
        visitor.get(&back).await.expect(200);
        visitor
    }

    /// Presses the button of DingTalk's sign-in page; the path that the browser comes back to.
    pub(crate) async fn agree_at_dingtalk(&self, page: &str, staff_no: &str) -> String {
        let page = url::Url::parse(page).unwrap();
        let mut form: Vec<(String, String)> = page.query_pairs().into_owned().collect();
        form.push(("userid".to_owned(), staff_no.to_owned()));
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let agreed = client
            .post(page.join("/oauth2/auth/consent").unwrap())
            .form(&form)
            .send()
            .await
            .unwrap();
        let location = agreed
            .headers()
            .get("location")
            .expect("DingTalk sends the browser back")
            .to_str()
            .unwrap()
            .to_owned();
        path_in(&location).expect("back to this server")
    }

    pub(crate) async fn totals(&self, published: &PublishedVersion) -> progress::Totals {
        let notice_no = published.notice_no;
        self.read(move |tx| progress::totals(tx, notice_no)).await
    }

    pub(crate) async fn obligation(
        &self,
        staff_no: &'static str,
        published: &PublishedVersion,
    ) -> Option<obligations::Obligation> {
        let notice_no = published.notice_no;
        let person_no = self.person_no(staff_no).await;
        self.read(move |tx| obligations::get(tx, notice_no, person_no))
            .await
    }

    /// Every delivery, newest last.
    pub(crate) async fn deliveries(&self) -> Vec<deliveries::Delivery> {
        let mut all = self
            .read(|tx| {
                let rows = deliveries::list(tx, &deliveries::DeliveryFilter::default(), 0, 10_000)?;
                Ok(rows.into_iter().map(|row| row.delivery).collect::<Vec<_>>())
            })
            .await;
        all.sort_by_key(|delivery| delivery.no);
        all
    }

    /// `(lane, state)` of every delivery of a notice, counted.
    pub(crate) async fn delivery_states(
        &self,
        published: &PublishedVersion,
    ) -> Vec<(String, String, usize)> {
        let mut counted: Vec<(String, String, usize)> = Vec::new();
        for delivery in self
            .deliveries()
            .await
            .into_iter()
            .filter(|d| d.notice_no == published.notice_no)
        {
            let state = delivery.state.as_str().to_owned();
            match counted
                .iter_mut()
                .find(|(lane, known, _)| *lane == delivery.lane && *known == state)
            {
                Some((_, _, count)) => *count += 1,
                None => counted.push((delivery.lane, state, 1)),
            }
        }
        counted.sort();
        counted
    }

    /// Local times and outcomes of a notice's occurrences, oldest first.
    pub(crate) async fn occurrences(&self, published: &PublishedVersion) -> Vec<String> {
        let notice_no = published.notice_no;
        let mut all = self
            .read(move |tx| occurrences::list_of_notice(tx, notice_no, 1_000))
            .await;
        all.sort_by_key(|occurrence| (occurrence.planned_at, occurrence.no));
        all.iter()
            .map(|o| format!("{} {}", local(o.planned_at), o.outcome.as_str()))
            .collect()
    }
}

/// `Mon 09-14 10:00` in Shanghai.
pub(crate) fn local(at: UnixMillis) -> String {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    at.in_zone(&zone).strftime("%a %m-%d %H:%M").to_string()
}

pub(crate) fn requirement(mut request: PublishRequest, requirement: Requirement) -> PublishRequest {
    request.requirement = Some(requirement);
    request
}

pub(crate) fn minor(mut request: PublishRequest) -> PublishRequest {
    request.change = Some(ChangeKind::Minor);
    request
}
