// The page's own words in both languages, and times as people write them.
const WORDS = {
  zh: {
    chats: '消息', mail: '邮件', lab: '沙盒', language: 'English', robot: '机器人', switchTo: '切换身份', search: '搜索姓名、手机号、部门', noPeople: '没有找到',
    pick: '选择一个会话', pickHint: '这里是钉钉沙盒：群机器人和应用机器人发出的消息会实时出现', empty: '还没有消息', emptyList: '还没有会话',
    members: n => `${n} 人`, read: '已读', unread: '未读', allRead: '全部已读', unreadBy: n => `${n} 人未读`, mentioned: '[有人@我]', earlier: '更早的消息',
    say: '输入消息，@姓名 可提醒成员', send: '发送', settings: '群设置', back: '返回', close: '关闭', groupMembers: '群成员', robots: '机器人',
    addRobot: '添加机器人', appRobot: '企业应用机器人', webhook: 'Webhook 地址', copy: '复制', copied: '已复制', secret: '加签密钥', keywords: '自定义关键词', signing: '加签', ips: 'IP 地址（段）',
    disabled: '已停用', edit: '设置', enable: '启用', disable: '停用', remove: '移除', removeSure: '确定移除这个机器人？它的 Webhook 将立即失效。', name: '机器人名字', security: '安全设置（至少一种）',
    keywordsHint: '消息须包含其中之一，用逗号分隔，最多 10 个', signingHint: '请求须带 timestamp 与 sign，密钥保存后显示', ipsHint: 'IPv4 或 CIDR，如 10.0.0.0/16', save: '保存', done: '完成', cancel: '取消',
    created: '机器人已添加', you: '我', moreMembers: n => `查看全部 ${n} 人`, offline: '连接已断开，正在重连…', failed: '操作没有成功，请重试',
    labHint: '让接口出错，看看你的程序如何应对。只影响接口，不影响这个页面。', faults: '故障注入', noFaults: '没有生效的故障', kind: '故障', scope: '接口', times: '次数', struck: n => `已触发 ${n} 次`, left: n => `剩 ${n} 次`, always: '一直', nextN: n => `接下来 ${n} 次`, add: '注入', clear: '全部清除',
    latency: '延迟', status503: '返回 HTTP 503', drop: '断开连接（未处理）', dropAfter: '断开连接（已处理）', half: '只返回一半', html: '返回 HTML 而非 JSON', banned: '出口 IP 被封', throttle: '限流', busy: '系统繁忙', flow_control: '单聊流控', status: '返回 HTTP 错误',
    allPaths: '全部接口', milliseconds: '毫秒', clock: '时钟', clockHint: '拨动沙盒的时钟：签名会过期、令牌会失效、24 小时后不能再查已读', hour: '小时', day: '天', trueTime: '校准', ahead: '快', behind: '慢', onTime: '与本机一致', quota: '本月用量', calls: 'API 调用', webhooks: 'Webhook 消息', limits: '频率限制', pace20: '自定义机器人每分钟 20 条', qps: '每个接口每秒 20 次',
    data: '数据', rawMessages: '查看消息 JSON', wipe: '清空消息', wipeSure: '清空所有会话的消息？', yesterday: '昨天', minutes: '分钟',
    todo: '待办', announcements: '公告', operator: '沙盒', me: '我', theme: '深浅', phoneFrame: '手机', desktopFrame: '桌面', searchChats: '搜索会话、机器人', appRobots: '机器人', noMatch: '没有匹配的会话', recent: '最近使用', allDepartments: '全部部门', found: n => `共 ${n} 人`, narrower: n => `还有 ${n} 人，请输入更多`, loadFailed: '加载失败', retry: '重试',
    open: '待处理', doneTodos: '已完成', noTodos: '没有待办', noDone: '没有已完成的待办', due: '截止', overdue: '已逾期', from: '来自', doneOf: (done, all) => `${done}/${all} 人完成`, markDone: '标为完成', markOpen: '标为未完成',
    noAnnouncements: '没有公告', unreadMark: '未读', readersOf: (n, all) => `${n}/${all} 人已读`, confidential: '保密', pinned: '置顶', groupAnnouncement: '群公告', groupAnnouncements: '群公告', noGroupAnnouncements: '还没有群公告', moreOf: n => `还有 ${n} 条`,
    files: '群文件', noFiles: '还没有文件', versions: n => `${n} 个版本`, version: n => `版本 ${n}`, download: '下载', allFiles: '全部文件', timedOut: '响应超时', sending: '处理中…', dinged: '收到 DING', look: '查看', notSent: '发送失败，点此重发',
    openOutside: '在外部打开', reload: '刷新', closePage: '关闭', pageBlank: '页面没有显示？对方可能不允许嵌入，请在外部打开。', sayRobot: '发消息给机器人', sayGroup: '输入消息，@ 可提醒成员或机器人', everyoneAt: '所有人', startChat: '给机器人发第一条消息吧',
    mine: '我的', everyone: '全部', noMails: '没有邮件', pickMail: '选择一封邮件', to: '收件人', attachments: '附件', noSubject: '（无主题）', asText: '纯文本', asHtml: '网页', headers: '邮件头',
  },
  en: {
    chats: 'Messages', mail: 'Mail', lab: 'Sandbox', language: '中文', robot: 'Robot', switchTo: 'Be someone else', search: 'Name, mobile, department', noPeople: 'Nobody found',
    pick: 'Choose a conversation', pickHint: 'This is a DingTalk sandbox: what group robots and app robots send appears here at once', empty: 'No messages yet', emptyList: 'No conversations yet',
    members: n => `${n} people`, read: 'Read', unread: 'Unread', allRead: 'Read by all', unreadBy: n => `Unread by ${n}`, mentioned: '[@you]', earlier: 'Earlier messages',
    say: 'Message, @name mentions', send: 'Send', settings: 'Group settings', back: 'Back', close: 'Close', groupMembers: 'Members', robots: 'Robots',
    addRobot: 'Add robot', appRobot: 'App robot', webhook: 'Webhook', copy: 'Copy', copied: 'Copied', secret: 'Signing secret', keywords: 'Keywords', signing: 'Signature', ips: 'IP addresses',
    disabled: 'Disabled', edit: 'Settings', enable: 'Enable', disable: 'Disable', remove: 'Remove', removeSure: 'Remove this robot? Its webhook stops working at once.', name: 'Robot name', security: 'Security (at least one)',
    keywordsHint: 'A message must contain one; separate by commas, ten at most', signingHint: 'Requests need timestamp and sign; the secret is shown after saving', ipsHint: 'IPv4 or CIDR, e.g. 10.0.0.0/16', save: 'Save', done: 'Done', cancel: 'Cancel',
    created: 'Robot added', you: 'Me', moreMembers: n => `Show all ${n}`, offline: 'Connection lost, reconnecting…', failed: 'That did not work, try again',
    labHint: 'Make the API fail and see how your program copes. Only the API is affected, not this page.', faults: 'Faults', noFaults: 'No fault is active', kind: 'Fault', scope: 'API', times: 'Times', struck: n => `struck ${n}×`, left: n => `${n} left`, always: 'Always', nextN: n => `Next ${n}`, add: 'Inject', clear: 'Clear all',
    latency: 'Latency', status503: 'Answer HTTP 503', drop: 'Hang up (not served)', dropAfter: 'Hang up (served)', half: 'Send half an answer', html: 'Answer HTML, not JSON', banned: 'Address banned', throttle: 'Throttle', busy: 'System busy', flow_control: 'Flow control (1:1)', status: 'Answer an HTTP error',
    allPaths: 'All', milliseconds: 'ms', clock: 'Clock', clockHint: 'Move the clock: signatures and tokens expire, read status ends after 24 hours', hour: 'h', day: 'd', trueTime: 'True time', ahead: 'Ahead', behind: 'Behind', onTime: 'Same as this machine', quota: 'Used this month', calls: 'API calls', webhooks: 'Webhook messages', limits: 'Limits', pace20: 'Custom robot: 20 a minute', qps: 'Each API: 20 a second',
    data: 'Data', rawMessages: 'Messages as JSON', wipe: 'Remove messages', wipeSure: 'Remove the messages of all conversations?', yesterday: 'Yesterday', minutes: 'min',
    todo: 'To-do', announcements: 'Notices', operator: 'Sandbox', me: 'Me', theme: 'Theme', phoneFrame: 'Phone', desktopFrame: 'Desktop', searchChats: 'Search chats and robots', appRobots: 'Robots', noMatch: 'No such conversation', recent: 'Recent', allDepartments: 'All departments', found: n => `${n} people`, narrower: n => `${n} more, type more`, loadFailed: 'Could not load', retry: 'Try again',
    open: 'Open', doneTodos: 'Done', noTodos: 'Nothing to do', noDone: 'Nothing done yet', due: 'Due', overdue: 'Overdue', from: 'From', doneOf: (done, all) => `${done} of ${all} done`, markDone: 'Mark as done', markOpen: 'Mark as open',
    noAnnouncements: 'No announcements', unreadMark: 'Unread', readersOf: (n, all) => `Read by ${n} of ${all}`, confidential: 'Confidential', pinned: 'Pinned', groupAnnouncement: 'Group notice', groupAnnouncements: 'Group announcements', noGroupAnnouncements: 'No group announcements yet', moreOf: n => `${n} more`,
    files: 'Group files', noFiles: 'No files yet', versions: n => `${n} versions`, version: n => `Version ${n}`, download: 'Download', allFiles: 'All files', timedOut: 'Timed out', sending: 'Working…', dinged: 'DING received', look: 'Open', notSent: 'Not sent, try again',
    openOutside: 'Open outside', reload: 'Reload', closePage: 'Close', pageBlank: 'Page stays blank? It may refuse to be framed: open it outside.', sayRobot: 'Message the robot', sayGroup: 'Message, @ mentions', everyoneAt: 'Everyone', startChat: 'Say the first word to the robot',
    mine: 'Mine', everyone: 'All', noMails: 'No mail', pickMail: 'Choose a mail', to: 'To', attachments: 'Attachments', noSubject: '(no subject)', asText: 'Text', asHtml: 'HTML', headers: 'Headers',
  },
};

export let language = document.cookie.includes('dingtalk_sandbox_language=en') ? 'en' : 'zh';
export const say = key => WORDS[language][key] ?? key;

// Words of a page that is not the chat.
export function addWords(zh, en) {
  Object.assign(WORDS.zh, zh);
  Object.assign(WORDS.en, en);
}

export function switchLanguage() {
  const next = language === 'en' ? 'zh' : 'en';
  document.cookie = `dingtalk_sandbox_language=${next}; path=/; max-age=31536000; samesite=lax`;
  location.reload();
}

// How far the sandbox's clock is ahead of this browser's; set when data is loaded.
let ahead = 0;
export const setNow = nowMs => { ahead = nowMs - Date.now(); };

const two = n => String(n).padStart(2, '0');

export function clockTime(ms) {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

// 19:03 · 昨天 19:03 · 11月20日 19:03
export function when(ms, short = false) {
  const at = new Date(ms), now = new Date(Date.now() + ahead);
  const day = date => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  const days = Math.round((day(now) - day(at)) / 86400000);
  if (days === 0) return clockTime(ms);
  const tail = short ? '' : ` ${clockTime(ms)}`;
  if (days === 1) return say('yesterday') + tail;
  const date = language === 'en'
    ? at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })
    : `${at.getMonth() + 1}月${at.getDate()}日`;
  return (at.getFullYear() === now.getFullYear() ? date : `${at.getFullYear()}${language === 'en' ? ' ' : '年'}${date}`) + tail;
}
