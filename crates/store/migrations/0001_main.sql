-- One text for both engines. {key} is a generated integer key, {i64} {bool} {blob} the engine's types, {strict} ends a table.
-- Times are UTC epoch milliseconds. Rows that exist once per person and notice are keyed by integers (`no`);
-- what leaves the system carries the UUIDv7 (`id`).

CREATE TABLE settings (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) {strict};

-- Policy texts and files, addressed by the SHA-256 (lowercase hex) of the plain bytes.
CREATE TABLE contents (
  hash TEXT NOT NULL PRIMARY KEY,
  size {i64} NOT NULL,
  encoding TEXT NOT NULL,            -- plain | deflate
  bytes {blob} NOT NULL,
  created_at {i64} NOT NULL
) {strict};

CREATE TABLE departments (
  no {key},
  id TEXT NOT NULL UNIQUE,
  source_id TEXT NOT NULL UNIQUE,    -- the directory's id, or the path for imported ones
  parent_no {i64},
  name TEXT NOT NULL,
  path TEXT NOT NULL,                -- 总部/财务部
  closed_at {i64}
) {strict};
CREATE INDEX departments_path ON departments (path);

CREATE TABLE people (
  no {key},
  id TEXT NOT NULL UNIQUE,
  staff_no TEXT NOT NULL UNIQUE,     -- the directory's id of the person: staff number or DingTalk userid
  dingtalk_user_id TEXT UNIQUE,
  name TEXT NOT NULL,
  email TEXT,
  mobile TEXT,
  title TEXT,
  language TEXT,
  department_no {i64} NOT NULL,      -- primary department
  manager_staff_no TEXT,
  hired_on TEXT,
  state TEXT NOT NULL,               -- active | left
  left_at {i64},
  created_at {i64} NOT NULL,
  updated_at {i64} NOT NULL
) {strict};
CREATE INDEX people_name ON people (name {binary});
--postgres:CREATE INDEX people_staff_no ON people (staff_no COLLATE "C");
CREATE INDEX people_email ON people (email {binary});
CREATE INDEX people_department ON people (department_no, no);

-- Every department a person belongs to, the primary one included.
CREATE TABLE memberships (
  department_no {i64} NOT NULL,
  person_no {i64} NOT NULL,
  PRIMARY KEY (department_no, person_no)
) {strict_without_rowid};
CREATE INDEX memberships_person ON memberships (person_no);

CREATE TABLE policies (
  no {key},
  id TEXT NOT NULL UNIQUE,
  slug TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  category TEXT NOT NULL,
  owner TEXT NOT NULL,               -- 归口部门
  language TEXT NOT NULL,
  current_version_no {i64},
  repealed_at {i64},
  created_at {i64} NOT NULL,
  updated_at {i64} NOT NULL
) {strict};

CREATE TABLE versions (
  no {key},
  id TEXT NOT NULL UNIQUE,
  policy_no {i64} NOT NULL,
  number {i64} NOT NULL,             -- 1, 2, 3 …
  label TEXT NOT NULL,               -- what people see: 2.1
  state TEXT NOT NULL,
  change_kind TEXT NOT NULL,         -- major | minor
  summary TEXT NOT NULL,
  title TEXT NOT NULL,
  language TEXT NOT NULL,
  effective_on TEXT,                 -- YYYY-MM-DD
  document_hash TEXT NOT NULL,       -- contents: the extracted document as JSON
  html_hash TEXT NOT NULL,           -- contents: the rendering that readers are shown
  text_hash TEXT NOT NULL,           -- contents: the plain text; identity of what was read
  original_hash TEXT NOT NULL,       -- contents: the file as it came
  original_name TEXT NOT NULL,
  original_media_type TEXT NOT NULL,
  source TEXT NOT NULL,              -- console | api | cli | folder | demo
  source_ref TEXT,
  published_by TEXT NOT NULL,
  published_at {i64} NOT NULL,
  UNIQUE (policy_no, number)
) {strict};

CREATE TABLE version_files (
  version_no {i64} NOT NULL,
  position {i64} NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size {i64} NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (version_no, position)
) {strict_without_rowid};

CREATE TABLE notices (
  no {key},
  id TEXT NOT NULL UNIQUE,
  policy_no {i64} NOT NULL,
  version_no {i64} NOT NULL,
  state TEXT NOT NULL,               -- expanding | open | closed | cancelled | superseded
  title TEXT NOT NULL,
  requirement TEXT NOT NULL,         -- inform | read | confirm
  audience TEXT NOT NULL,            -- the rule as text
  audience_resolved TEXT NOT NULL,   -- JSON of the resolved numbers, as it held at publish
  consent_text TEXT NOT NULL,
  consent_hash TEXT NOT NULL,
  language TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  due_at {i64},
  channels TEXT NOT NULL,            -- JSON array of lane names
  plan TEXT NOT NULL,                -- reminder plan as text
  planned_until {i64} NOT NULL,      -- occurrences up to here have been decided
  next_reminder_at {i64},
  expanded_to {i64} NOT NULL,        -- people up to this number have their obligation
  issued_by TEXT NOT NULL,
  issued_at {i64} NOT NULL,
  closed_at {i64},
  close_reason TEXT
) {strict};
CREATE INDEX notices_policy ON notices (policy_no, no);
CREATE INDEX notices_version ON notices (version_no);
CREATE INDEX notices_reminder ON notices (next_reminder_at) WHERE next_reminder_at IS NOT NULL;
CREATE INDEX notices_state ON notices (state, no);

CREATE TABLE obligations (
  notice_no {i64} NOT NULL,
  person_no {i64} NOT NULL,
  department_no {i64} NOT NULL,      -- primary department, moved with the person while pending
  state TEXT NOT NULL,
  due_at {i64},
  opened_at {i64},                   -- first time the text was opened
  acted_at {i64},                    -- acknowledged, declined, exempted, closed
  reason TEXT,
  reminded {i64} NOT NULL,           -- how often
  reminded_at {i64},
  PRIMARY KEY (notice_no, person_no)
) {strict_without_rowid};
CREATE INDEX obligations_person ON obligations (person_no, notice_no);
-- Lists of one notice, by any state and department, page after page.
CREATE INDEX obligations_state ON obligations (notice_no, state, department_no, person_no);

-- The numbers of a notice by department, kept in the transactions that change obligations.
CREATE TABLE progress (
  notice_no {i64} NOT NULL,
  department_no {i64} NOT NULL,
  total {i64} NOT NULL,
  pending {i64} NOT NULL,
  opened {i64} NOT NULL,
  acknowledged {i64} NOT NULL,
  declined {i64} NOT NULL,
  exempted {i64} NOT NULL,
  superseded {i64} NOT NULL,
  closed {i64} NOT NULL,
  PRIMARY KEY (notice_no, department_no)
) {strict_without_rowid};

-- Room on the page, so that openings, reminders and numbers change rows in place.
--postgres:ALTER TABLE obligations SET (fillfactor = 85);
--postgres:ALTER TABLE progress SET (fillfactor = 50);

CREATE TABLE receipts (
  no {key},
  id TEXT NOT NULL UNIQUE,
  notice_no {i64} NOT NULL,
  person_no {i64} NOT NULL,
  version_no {i64} NOT NULL,
  kind TEXT NOT NULL,                -- opened | acknowledged | declined …
  source TEXT NOT NULL,              -- page | mail_link | …
  at {i64} NOT NULL,
  language TEXT NOT NULL,            -- language shown
  text_hash TEXT NOT NULL,           -- what was shown
  consent_hash TEXT,                 -- what was agreed to
  detail TEXT NOT NULL               -- JSON: how the person was known, device family
) {strict};
CREATE INDEX receipts_notice ON receipts (notice_no, no);
CREATE INDEX receipts_person ON receipts (person_no, notice_no);

CREATE TABLE deliveries (
  no {key},
  lane TEXT NOT NULL,                -- robot:hr, mail
  kind TEXT NOT NULL,                -- publish | reminder | standing
  notice_no {i64} NOT NULL,          -- 0: none
  occurrence_no {i64} NOT NULL,      -- 0: the first message of the notice
  person_no {i64} NOT NULL,          -- 0: a group
  state TEXT NOT NULL,               -- due | sending | sent | failed | cancelled | undeliverable
  due_at {i64} NOT NULL,
  lease_until {i64},
  lease_owner TEXT,
  leader_no {i64},                   -- the delivery whose message carried this one too (digest)
  attempts {i64} NOT NULL,
  error_code TEXT,
  error_detail TEXT,
  sent_at {i64},
  platform_id TEXT,
  created_at {i64} NOT NULL,
  UNIQUE (notice_no, occurrence_no, lane, person_no)
) {strict};
CREATE INDEX deliveries_due ON deliveries (lane, due_at, no) WHERE state = 'due';
CREATE INDEX deliveries_leased ON deliveries (lane, lease_until) WHERE state = 'sending';
CREATE INDEX deliveries_failed ON deliveries (no, lane) WHERE state = 'failed';
CREATE INDEX deliveries_undeliverable ON deliveries (no, lane) WHERE state = 'undeliverable';
CREATE INDEX deliveries_notice ON deliveries (notice_no, no);
CREATE INDEX deliveries_leader ON deliveries (leader_no) WHERE leader_no IS NOT NULL;
CREATE INDEX deliveries_person ON deliveries (person_no, notice_no) WHERE person_no <> 0;

-- Attempts that did not end as sent; the one that did stands on the delivery.
CREATE TABLE attempts (
  delivery_no {i64} NOT NULL,
  number {i64} NOT NULL,
  at {i64} NOT NULL,
  outcome TEXT NOT NULL,             -- retry | hold | rejected | misconfigured | lease_lost
  error_code TEXT NOT NULL,
  error_detail TEXT NOT NULL,
  PRIMARY KEY (delivery_no, number)
) {strict_without_rowid};

CREATE TABLE lanes (
  name TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,                -- robot | mail
  pace_log TEXT NOT NULL,            -- reserved send instants, as pace.rs writes them
  held_until {i64},                  -- the platform asked for silence until then
  stopped_at {i64},                  -- misconfigured: an administrator must act
  reason_code TEXT,
  reason_detail TEXT,
  lease_owner TEXT,
  lease_until {i64},
  updated_at {i64} NOT NULL
) {strict};

-- Group robots added in the console; those of the configuration file are not stored.
CREATE TABLE robots (
  name TEXT NOT NULL PRIMARY KEY,
  webhook TEXT NOT NULL,
  secret TEXT,
  keywords TEXT NOT NULL,            -- JSON array
  created_at {i64} NOT NULL,
  updated_at {i64} NOT NULL
) {strict};

CREATE TABLE schedules (
  no {key},
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  rule TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  lanes TEXT NOT NULL,               -- JSON array
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL,               -- active | paused
  skip_next {bool} NOT NULL,
  next_at {i64},
  created_by TEXT NOT NULL,
  created_at {i64} NOT NULL,
  updated_at {i64} NOT NULL
) {strict};
CREATE INDEX schedules_next ON schedules (next_at) WHERE state = 'active';

-- One firing of a plan, a schedule or a click. The unique key is what makes it happen once.
CREATE TABLE occurrences (
  no {key},
  id TEXT NOT NULL UNIQUE,
  notice_no {i64} NOT NULL,          -- 0: none
  schedule_no {i64} NOT NULL,        -- 0: none
  step TEXT NOT NULL,                -- before_due_2d, workdays_0900, click …
  planned_at {i64} NOT NULL,
  decided_at {i64} NOT NULL,
  outcome TEXT NOT NULL,             -- fired | skipped_late | collapsed | skipped_once | nobody
  recipients {i64} NOT NULL,
  actor TEXT NOT NULL,
  UNIQUE (notice_no, schedule_no, step, planned_at)
) {strict};

CREATE TABLE source_files (
  source TEXT NOT NULL,
  path TEXT NOT NULL,
  hash TEXT NOT NULL,
  state TEXT NOT NULL,               -- published | unchanged | failed | removed
  policy_no {i64},
  version_no {i64},
  error_code TEXT,
  error_detail TEXT,
  seen_at {i64} NOT NULL,
  PRIMARY KEY (source, path)
) {strict};

CREATE TABLE accounts (
  no {key},
  id TEXT NOT NULL UNIQUE,
  login TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  language TEXT,
  created_at {i64} NOT NULL,
  disabled_at {i64}
) {strict};

-- Signed-in browsers: of an account (console) or of a person (employee pages).
CREATE TABLE sessions (
  hash TEXT NOT NULL PRIMARY KEY,    -- SHA-256 of the cookie's value
  account_no {i64},
  person_no {i64},
  method TEXT NOT NULL,              -- password | mail_link | dingtalk
  created_at {i64} NOT NULL,
  expires_at {i64} NOT NULL,
  user_agent TEXT NOT NULL
) {strict};
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE tokens (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  created_by TEXT NOT NULL,
  created_at {i64} NOT NULL,
  last_used_at {i64},
  revoked_at {i64}
) {strict};

CREATE TABLE audit (
  seq {key},
  at {i64} NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,             -- kind:id
  detail TEXT NOT NULL               -- JSON
) {strict};
CREATE INDEX audit_subject ON audit (subject, seq);

CREATE TABLE idempotency_keys (
  key TEXT NOT NULL PRIMARY KEY,     -- caller + route + key
  request_hash TEXT NOT NULL,
  status {i64} NOT NULL,
  body TEXT NOT NULL,
  created_at {i64} NOT NULL
) {strict};
