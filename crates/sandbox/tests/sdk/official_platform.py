"""Calls every v1.0 API of tokens, to-dos, announcements, DING and robot messages by DingTalk's official SDK.

Usage: official_platform.py HOST:PORT CLIENT_ID CLIENT_SECRET OPEN_CONVERSATION_ID BLACKBOARD_ID CORP_ID LOGIN_CODE
The announcement must exist, sent by zhangwei and read by lina; group announcements must be switched on; the login code
is lina's.
Prints "ok" or fails.
"""
import json
import sys
import time

from alibabacloud_dingtalk.blackboard_1_0 import models as blackboard_models
from alibabacloud_dingtalk.blackboard_1_0.client import Client as BlackboardClient
from alibabacloud_dingtalk.group_blackboard_1_0 import models as group_models
from alibabacloud_dingtalk.group_blackboard_1_0.client import Client as GroupClient
from alibabacloud_dingtalk.oauth2_1_0 import models as oauth_models
from alibabacloud_dingtalk.oauth2_1_0.client import Client as OauthClient
from alibabacloud_dingtalk.robot_1_0 import models as robot_models
from alibabacloud_dingtalk.robot_1_0.client import Client as RobotClient
from alibabacloud_dingtalk.todo_1_0 import models as todo_models
from alibabacloud_dingtalk.todo_1_0.client import Client as TodoClient
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

endpoint, client_id, client_secret, conversation, blackboard_id, corp_id, login_code = sys.argv[1:8]
config = Config(protocol="http", region_id="central", endpoint=endpoint)
runtime = RuntimeOptions(autoretry=False)
oauth = OauthClient(config)
token = oauth.get_access_token(
    oauth_models.GetAccessTokenRequest(app_key=client_id, app_secret=client_secret)
).body.access_token

unified = oauth.get_token(
    corp_id,
    oauth_models.GetTokenRequest(client_id=client_id, client_secret=client_secret, grant_type="client_credentials"),
).body
assert unified.access_token == token and unified.expires_in == 7200, unified
user = oauth.get_user_token(
    oauth_models.GetUserTokenRequest(
        client_id=client_id, client_secret=client_secret, code=login_code, grant_type="authorization_code"
    )
).body
assert user.access_token and user.corp_id == corp_id and user.expire_in == 7200, user
renewed = oauth.get_user_token(
    oauth_models.GetUserTokenRequest(
        client_id=client_id, client_secret=client_secret, refresh_token=user.refresh_token, grant_type="refresh_token"
    )
).body
assert renewed.access_token and renewed.access_token != user.access_token, renewed


def call(client, models, method, name, *path, **fields):
    """The parsed body of one call: `NameRequest(fields)`, `NameHeaders` with the token, `method_with_options`."""
    headers = getattr(models, name + "Headers")(x_acs_dingtalk_access_token=token)
    request = getattr(models, name + "Request", None)
    arguments = list(path) + ([request(**fields)] if request else [])
    # The generator writes `batch_send_otowith_options`.
    suffix = "with_options" if method.endswith("oto") else "_with_options"
    return getattr(client, method + suffix)(*arguments, headers, runtime).body


def refused(action):
    """The code of a refused call."""
    try:
        action()
    except Exception as error:
        return error.code
    raise AssertionError("the call was expected to be refused")


# To-dos
todo = TodoClient(config)
me, lina, wang = "union-zhangwei", "union-lina", "union-wangfang"


def create_task():
    return call(
        todo, todo_models, "create_todo_task", "CreateTodoTask", me,
        subject="请阅读年假办法", source_id="sdk-1", creator_id=me, executor_ids=[lina, wang], operator_id=me,
        todo_type="READ", priority=20, due_time=int(time.time() * 1000) + 86_400_000, is_only_show_executor=True,
        detail_url=todo_models.CreateTodoTaskRequestDetailUrl(app_url="https://a.example/n/1", pc_url="https://a.example/n/1"),
        notify_configs=todo_models.CreateTodoTaskRequestNotifyConfigs(ding_notify="1"),
    )


task = create_task()
assert task.id and task.done is False and task.executor_ids == [lina, wang] and task.source_id == "sdk-1", task
assert task.detail_url.app_url == "https://a.example/n/1" and task.request_id, task
assert refused(create_task) == "todo.taskCreate.paramError"
updated = call(todo, todo_models, "update_todo_task", "UpdateTodoTask", me, task.id, subject="请尽快阅读", operator_id=me)
assert updated.result is True, updated
ticked = call(
    todo, todo_models, "update_todo_task_executor_status", "UpdateTodoTaskExecutorStatus", me, task.id, operator_id=me,
    executor_status_list=[todo_models.UpdateTodoTaskExecutorStatusRequestExecutorStatusList(id=lina, is_done=True)],
)
assert ticked.result is True, ticked
got = call(todo, todo_models, "get_todo_task", "GetTodoTask", me, task.id)
assert got.subject == "请尽快阅读" and got.created_time > 0, got
by_source = call(todo, todo_models, "get_todo_task_by_source_id", "GetTodoTaskBySourceId", me, "sdk-1")
assert by_source.id == task.id, by_source
listed = call(
    todo, todo_models, "query_org_todo_tasks", "QueryOrgTodoTasks", lina,
    is_done=True, role_types=[["executor"]], todo_type="READ",
)
assert [(card.task_id, card.is_done) for card in listed.todo_cards] == [(task.id, True)], listed
hidden = call(todo, todo_models, "hide_user_todo_task", "HideUserTodoTask", lina, task.id)
assert hidden.success is True, hidden
deleted = call(todo, todo_models, "delete_todo_task", "DeleteTodoTask", me, task.id, operator_id=me)
assert deleted.result is True and deleted.request_id, deleted

# Announcements
board = BlackboardClient(config)
whole = call(
    board, blackboard_models, "get_blackboard", "GetBlackboard", operation_user_id="zhangwei", blackboard_id=blackboard_id
)
assert whole.title == "年假办法" and whole.read_count == 1 and whole.un_read_count == 1, whole
assert whole.dept_list[0].name == "人力资源部" and whole.sender_staff_id == "zhangwei", whole
readers = call(
    board, blackboard_models, "query_blackboard_read_un_read", "QueryBlackboardReadUnRead",
    operation_user_id="zhangwei", blackboard_id=blackboard_id, max_results=500,
)
rows = {row.user_id: (row.read, row.read_timestamp) for row in readers.users}
assert rows["lina"][0] == "true" and rows["lina"][1] > 0 and rows["zhangwei"][0] == "false", rows

# Group announcements
group = GroupClient(config)
named = {"open_conversation_id": conversation, "user_id": "zhangwei"}
made = call(
    group, group_models, "create_group_blackboard_new", "CreateGroupBlackboardNew",
    content="请阅读", unique_id="sdk", sticky=True, send_ding=False, **named,
)
assert made.success and made.data_id, made
twin = call(
    group, group_models, "create_group_blackboard", "CreateGroupBlackboard", content="再读", unique_id="sdk-2", **named
)
edited = call(group, group_models, "edit_group_blackboard", "EditGroupBlackboard", content="尽快", data_id=made.data_id, **named)
assert edited.data_id == made.data_id, edited
one = call(group, group_models, "get_group_blackboard", "GetGroupBlackboard", data_id=made.data_id, **named)
assert one.result.content == "尽快" and one.result.sticky is True, one
page = call(group, group_models, "list_group_blackboard", "ListGroupBlackboard", page_size=1, **named)
assert page.has_more is True and page.blackboard_list[0].data_id == made.data_id, page
gone = call(group, group_models, "delete_group_blackboard_new", "DeleteGroupBlackboardNew", data_id=made.data_id, **named)
assert gone.is_deleted is True, gone
gone = call(group, group_models, "delete_group_blackboard", "DeleteGroupBlackboard", data_id=twin.data_id, **named)
assert gone.is_deleted is True, gone

# DING
robot = RobotClient(config)
ding = call(
    robot, robot_models, "robot_send_ding", "RobotSendDing",
    robot_code=client_id, remind_type=1, receiver_user_id_list=["lina", "nobody"], content="请立即阅读",
)
assert ding.open_ding_id and list(ding.failed_list.values()) == [["nobody"]], ding
mine = {"robot_code": client_id, "open_ding_id": ding.open_ding_id}
statuses = call(robot, robot_models, "query_robot_ding_read_status", "QueryRobotDingReadStatus", **mine)
assert statuses.success and statuses.result.robot_ding_read_info_list[0].read_status == "UNREAD", statuses
recalled = call(robot, robot_models, "robot_recall_ding", "RobotRecallDing", **mine)
assert recalled.open_ding_id == ding.open_ding_id, recalled

# Robot messages
message = {"robot_code": client_id, "msg_key": "sampleText", "msg_param": json.dumps({"content": "大家好"})}
sent = call(robot, robot_models, "org_group_send", "OrgGroupSend", open_conversation_id=conversation, **message)
personal = call(robot, robot_models, "batch_send_oto", "BatchSendOTO", user_ids=["lina"], **message)
time.sleep(1.1)  # the read status is not known in the first second
read = call(
    robot, robot_models, "org_group_query", "OrgGroupQuery",
    open_conversation_id=conversation, robot_code=client_id, process_query_key=sent.process_query_key, max_results=200,
)
assert read.send_status == "SUCCESS" and read.read_user_ids == [] and read.has_more is False, read
taken = call(
    robot, robot_models, "org_group_recall", "OrgGroupRecall",
    open_conversation_id=conversation, robot_code=client_id, process_query_keys=[sent.process_query_key],
)
assert taken.success_result == [sent.process_query_key], taken
taken = call(
    robot, robot_models, "batch_recall_oto", "BatchRecallOTO",
    robot_code=client_id, process_query_keys=[personal.process_query_key, "unknown"],
)
assert taken.success_result == [personal.process_query_key] and "unknown" in taken.failed_result, taken
bots = call(robot, robot_models, "get_bot_list_in_group", "GetBotListInGroup", open_conversation_id=conversation)
assert any(bot.robot_code == client_id for bot in bots.chatbot_instance_volist), bots
print("ok")
