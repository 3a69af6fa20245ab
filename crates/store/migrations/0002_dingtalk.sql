-- DingTalk: what the directory says of people, messages that one call carried to many, what must follow a
-- confirmation on the platform, notification groups, and the meter of the organisation's monthly quotas.

ALTER TABLE people ADD COLUMN dingtalk_union_id TEXT;
-- NULL: not known; false: has not activated DingTalk and receives nothing there.
ALTER TABLE people ADD COLUMN dingtalk_active {bool};
-- Who keeps the row up to date: import | dingtalk.
ALTER TABLE people ADD COLUMN source TEXT NOT NULL DEFAULT 'import';
CREATE INDEX people_union ON people (dingtalk_union_id) WHERE dingtalk_union_id IS NOT NULL;

-- The platform's name of a message that went to many in one call.
CREATE TABLE platform_messages (
  no {key},
  lane TEXT NOT NULL,
  platform_id TEXT NOT NULL,         -- task id, processQueryKey, outTrackId, announcement id
  notice_no {i64} NOT NULL,          -- 0: none
  occurrence_no {i64} NOT NULL,
  people TEXT NOT NULL,              -- JSON array of person numbers; [] for a group
  sent_at {i64} NOT NULL,
  check_at {i64},                    -- when to ask who has read it; NULL: no more
  checks {i64} NOT NULL,             -- how often it was asked
  readers {i64} NOT NULL,            -- as last reported
  recalled_at {i64},
  UNIQUE (lane, platform_id)
) {strict};
CREATE INDEX platform_messages_check ON platform_messages (check_at) WHERE check_at IS NOT NULL;
CREATE INDEX platform_messages_notice ON platform_messages (notice_no, no);

-- What the platform is to be told after somebody settled elsewhere: close the to-do, update the card.
CREATE TABLE followups (
  no {key},
  kind TEXT NOT NULL,                -- settle | withdraw
  lane TEXT NOT NULL,
  platform_id TEXT NOT NULL,
  notice_no {i64} NOT NULL,
  person_no {i64} NOT NULL,
  state TEXT NOT NULL,               -- due | done | failed
  due_at {i64} NOT NULL,
  attempts {i64} NOT NULL,
  error_code TEXT,
  error_detail TEXT,
  UNIQUE (kind, lane, platform_id, person_no)
) {strict};
CREATE INDEX followups_due ON followups (due_at, no) WHERE state = 'due';

-- Notification groups that are kept in step with an audience.
CREATE TABLE chat_groups (
  no {key},
  name TEXT NOT NULL UNIQUE,         -- short; the lane is group:NAME
  title TEXT NOT NULL,
  audience TEXT NOT NULL,            -- the rule as text
  owner_user_id TEXT NOT NULL,
  scene_template_id TEXT,            -- a scene group (场景群) by this template; NULL: a plain group
  open_conversation_id TEXT,         -- NULL: not created yet
  chat_id TEXT,
  state TEXT NOT NULL,               -- wanted | active | paused | gone
  greets {bool} NOT NULL,            -- joiners are sent the guide
  members {i64} NOT NULL,
  sync_at {i64},                     -- when members are compared next; NULL: never
  synced_at {i64},
  error_code TEXT,
  error_detail TEXT,
  created_by TEXT NOT NULL,
  created_at {i64} NOT NULL,
  updated_at {i64} NOT NULL
) {strict};

CREATE TABLE chat_group_members (
  group_no {i64} NOT NULL,
  user_id TEXT NOT NULL,
  person_no {i64} NOT NULL,
  joined_at {i64} NOT NULL,
  greeted_at {i64},
  PRIMARY KEY (group_no, user_id)
) {strict_without_rowid};

-- Metered calls of a calendar month (Asia/Shanghai), by interface.
CREATE TABLE meters (
  month TEXT NOT NULL,               -- 2026-11
  kind TEXT NOT NULL,                -- api | push
  interface TEXT NOT NULL,
  calls {i64} NOT NULL,
  PRIMARY KEY (month, kind, interface)
) {strict_without_rowid};

-- Frames and callbacks that have been handled, so that a repeated one changes nothing.
CREATE TABLE inbound_events (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  at {i64} NOT NULL
) {strict_without_rowid};
CREATE INDEX inbound_events_at ON inbound_events (at);
