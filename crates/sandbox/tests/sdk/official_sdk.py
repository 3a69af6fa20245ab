"""Points DingTalk's official Python SDK at a sandbox and checks the documented results.

Usage: official_sdk.py HOST:PORT CLIENT_ID CLIENT_SECRET OPEN_CONVERSATION_ID
The SDK takes a loopback endpoint by Config(protocol="http", endpoint="host:port"). Prints "ok" or fails.
"""
import json
import sys
import time

from alibabacloud_dingtalk.contact_1_0 import models as contact_models
from alibabacloud_dingtalk.contact_1_0.client import Client as ContactClient
from alibabacloud_dingtalk.oauth2_1_0 import models as oauth_models
from alibabacloud_dingtalk.oauth2_1_0.client import Client as OauthClient
from alibabacloud_dingtalk.robot_1_0 import models as robot_models
from alibabacloud_dingtalk.robot_1_0.client import Client as RobotClient
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

endpoint, client_id, client_secret, conversation = sys.argv[1:5]
config = Config(protocol="http", region_id="central", endpoint=endpoint)
runtime = RuntimeOptions(autoretry=False)


def refused(call):
    """The code and HTTP status that the SDK reports for a refused call."""
    try:
        call()
    except Exception as error:
        return error.code, getattr(error, "status_code", None) or getattr(error, "statusCode", None) or error.data.get("statusCode")
    raise AssertionError("the call was expected to be refused")


oauth = OauthClient(config)
code, status = refused(lambda: oauth.get_access_token(oauth_models.GetAccessTokenRequest(app_key=client_id, app_secret="wrong")))
assert (code, status) == ("invalidClientIdOrSecret", 400), (code, status)
token = oauth.get_access_token(oauth_models.GetAccessTokenRequest(app_key=client_id, app_secret=client_secret)).body
assert token.expire_in == 7200 and token.access_token, token

robot = RobotClient(config)
headers = robot_models.BatchSendOTOHeaders(x_acs_dingtalk_access_token=token.access_token)
sent = robot.batch_send_otowith_options(
    robot_models.BatchSendOTORequest(
        robot_code=client_id,
        user_ids=["lina", "wangfang", "nobody"],
        msg_key="sampleMarkdown",
        msg_param=json.dumps({"title": "制度更新", "text": "#### 年休假管理办法\n请阅读"}),
    ),
    headers,
    runtime,
).body
assert sent.invalid_staff_id_list == ["nobody"], sent
assert sent.flow_controlled_staff_id_list == [], sent

code, status = refused(
    lambda: robot.batch_send_otowith_options(
        robot_models.BatchSendOTORequest(robot_code=client_id, user_ids=["lina"] * 21, msg_key="sampleText", msg_param='{"content":"x"}'),
        headers,
        runtime,
    )
)
assert (code, status) == ("invalidParameter.userIds.overMax", 400), (code, status)
code, status = refused(
    lambda: robot.batch_send_otowith_options(
        robot_models.BatchSendOTORequest(robot_code=client_id, user_ids=["lina"], msg_key="sampleText", msg_param='{"content":"x"}'),
        robot_models.BatchSendOTOHeaders(x_acs_dingtalk_access_token="expired"),
        runtime,
    )
)
assert (code, status) == ("InvalidAuthentication", 400), (code, status)

time.sleep(1.1)  # the read status is not known in the first second
read = robot.batch_otoquery_with_options(
    robot_models.BatchOTOQueryRequest(robot_code=client_id, process_query_key=sent.process_query_key),
    robot_models.BatchOTOQueryHeaders(x_acs_dingtalk_access_token=token.access_token),
    runtime,
).body
assert read.send_status == "SUCCESS", read
assert [(row.user_id, row.read_status) for row in read.message_read_info_list] == [("lina", "UNREAD"), ("wangfang", "UNREAD")], read

group = robot.org_group_send_with_options(
    robot_models.OrgGroupSendRequest(
        robot_code=client_id, open_conversation_id=conversation, msg_key="sampleText", msg_param=json.dumps({"content": "大家好"})
    ),
    robot_models.OrgGroupSendHeaders(x_acs_dingtalk_access_token=token.access_token),
    runtime,
).body
assert group.process_query_key, group

contact = ContactClient(config)
code, status = refused(
    lambda: contact.get_user_with_options(
        "me", contact_models.GetUserHeaders(x_acs_dingtalk_access_token=token.access_token), runtime
    )
)
assert (code, status) == ("InvalidAuthentication", 400), (code, status)
print("ok")
