"""Calls the card APIs through DingTalk's official Python SDK and checks what it makes of the answers.

Usage: official_cards.py HOST:PORT CLIENT_ID CLIENT_SECRET SCENE_GROUP SCENE_TEMPLATE
Prints "ok" or fails.
"""
import sys
import time

from alibabacloud_dingtalk.card_1_0 import models
from alibabacloud_dingtalk.card_1_0.client import Client as CardClient
from alibabacloud_dingtalk.event_1_0 import models as event_models
from alibabacloud_dingtalk.event_1_0.client import Client as EventClient
from alibabacloud_dingtalk.im_2_0 import models as im_models
from alibabacloud_dingtalk.im_2_0.client import Client as ImClient
from alibabacloud_dingtalk.oauth2_1_0 import models as oauth_models
from alibabacloud_dingtalk.oauth2_1_0.client import Client as OauthClient
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

endpoint, client_id, client_secret, scene, scene_template = sys.argv[1:6]
config = Config(protocol="http", region_id="central", endpoint=endpoint)
runtime = RuntimeOptions(autoretry=False)
TEMPLATE = "sandbox-confirm.schema"

oauth = OauthClient(config)
token = oauth.get_access_token(oauth_models.GetAccessTokenRequest(app_key=client_id, app_secret=client_secret)).body.access_token
cards = CardClient(config)


def refused(call):
    """The code that the SDK reports for a refused call."""
    try:
        call()
    except Exception as error:
        return error.code
    raise AssertionError("the call was expected to be refused")


def create_and_deliver(track):
    return cards.create_and_deliver_with_options(
        models.CreateAndDeliverRequest(
            card_template_id=TEMPLATE,
            out_track_id=track,
            callback_type="STREAM",
            card_data=models.CreateAndDeliverRequestCardData(card_param_map={"title": "年休假管理办法"}),
            private_data={"lina": models.PrivateDataValue(card_param_map={"confirmed": "false"})},
            im_robot_open_space_model=models.CreateAndDeliverRequestImRobotOpenSpaceModel(support_forward=False),
            im_robot_open_deliver_model=models.CreateAndDeliverRequestImRobotOpenDeliverModel(space_type="IM_ROBOT", robot_code=client_id),
            open_space_id="dtv1.card//IM_ROBOT.lina;IM_ROBOT.nobody",
            user_id_type=1,
        ),
        models.CreateAndDeliverHeaders(x_acs_dingtalk_access_token=token),
        runtime,
    ).body


made = create_and_deliver("sdk-1")
assert made.success and made.result.out_track_id == "sdk-1", made
assert [row.success for row in made.result.deliver_results] == [True, False], made
assert made.result.deliver_results[0].carrier_id and made.result.deliver_results[1].error_msg, made
assert refused(lambda: create_and_deliver("sdk-1")) == "param.cardAlreadyExist"

updated = cards.update_card_with_options(
    models.UpdateCardRequest(
        out_track_id="sdk-1",
        card_data=models.UpdateCardRequestCardData(card_param_map={"tag": "新"}),
        private_data={"lina": models.PrivateDataValue(card_param_map={"confirmed": "true"})},
        card_update_options=models.UpdateCardRequestCardUpdateOptions(update_card_data_by_key=True, update_private_data_by_key=True),
        user_id_type=1,
    ),
    models.UpdateCardHeaders(x_acs_dingtalk_access_token=token),
    runtime,
).body
assert updated.success and updated.result, updated

created = cards.create_card_with_options(
    models.CreateCardRequest(
        card_template_id=TEMPLATE,
        out_track_id="sdk-2",
        callback_type="STREAM",
        card_data=models.CreateCardRequestCardData(card_param_map={"title": "两步"}),
    ),
    models.CreateCardHeaders(x_acs_dingtalk_access_token=token),
    runtime,
).body
assert created.success and created.result == "sdk-2", created
spaces = cards.append_space_with_options(
    models.AppendSpaceRequest(
        out_track_id="sdk-2",
        im_group_open_space_model=models.AppendSpaceRequestImGroupOpenSpaceModel(support_forward=True),
        top_open_space_model=models.AppendSpaceRequestTopOpenSpaceModel(space_type="ONE_BOX"),
    ),
    models.AppendSpaceHeaders(x_acs_dingtalk_access_token=token),
    runtime,
).body
assert spaces.success and spaces.result, spaces
delivered = cards.deliver_card_with_options(
    models.DeliverCardRequest(
        out_track_id="sdk-2",
        open_space_id=f"dtv1.card//IM_GROUP.{scene};ONE_BOX.{scene}",
        im_group_open_deliver_model=models.DeliverCardRequestImGroupOpenDeliverModel(robot_code=client_id, at_user_ids={"@ALL": "@ALL"}),
        top_open_deliver_model=models.DeliverCardRequestTopOpenDeliverModel(
            expired_time_millis=int(time.time() * 1000) + 600_000, platforms=["ios", "mac", "android", "win"]
        ),
    ),
    models.DeliverCardHeaders(x_acs_dingtalk_access_token=token),
    runtime,
).body
assert delivered.success and [row.success for row in delivered.result] == [True, True], delivered
closed = cards.close_top_card_with_options(
    models.CloseTopCardRequest(out_track_id="sdk-2", open_conversation_id=scene),
    models.CloseTopCardHeaders(x_acs_dingtalk_access_token=token),
    runtime,
).body
assert closed.success and closed.result, closed

streamed = cards.streaming_update_with_options(
    models.StreamingUpdateRequest(out_track_id="sdk-1", guid="1", key="summary", content="全文", is_full=True, is_finalize=True, is_error=False),
    models.StreamingUpdateHeaders(x_acs_dingtalk_access_token=token),
    runtime,
).body
assert streamed.success and streamed.result, streamed


def register(force):
    return cards.register_callback_with_options(
        models.RegisterCallbackRequest(callback_route_key="confirm", callback_url="http://127.0.0.1:9/cards", api_secret="s", force_update=force),
        models.RegisterCallbackHeaders(x_acs_dingtalk_access_token=token),
        runtime,
    ).body


registered = register(False)
assert registered.success and registered.result.callback_url == "http://127.0.0.1:9/cards" and registered.result.api_secret == "s", registered
assert refused(lambda: register(False)) == "param.callbackRouteKeyExist"
assert register(True).success

im = ImClient(config)
topped = im.create_topbox_with_options(
    im_models.CreateTopboxRequest(
        card_template_id=TEMPLATE,
        out_track_id="sdk-3",
        conversation_type=1,
        open_conversation_id=scene,
        group_template_id=scene_template,
        card_data=im_models.CreateTopboxRequestCardData(card_param_map={"title": "吊顶"}),
        expired_time=int(time.time() * 1000) + 600_000,
        platforms="ios|mac|android|win",
    ),
    im_models.CreateTopboxHeaders(x_acs_dingtalk_access_token=token),
    runtime,
).body
assert topped.success, topped
shut = im.close_topbox_with_options(
    im_models.CloseTopboxRequest(out_track_id="sdk-3", conversation_type=1, open_conversation_id=scene, group_template_id=scene_template),
    im_models.CloseTopboxHeaders(x_acs_dingtalk_access_token=token),
    runtime,
).body
assert shut.success, shut

failed = EventClient(config).get_call_back_faile_result_with_options(
    event_models.GetCallBackFaileResultRequest(begin_time=0, end_time=int(time.time() * 1000)),
    event_models.GetCallBackFaileResultHeaders(x_acs_dingtalk_access_token=token),
    runtime,
).body
assert failed.failed_list == [] and failed.has_more is False, failed
print("ok")
