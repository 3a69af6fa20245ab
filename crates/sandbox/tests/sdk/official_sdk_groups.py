"""Calls every v1.0 and v2.0 API of groups, directory and drive by DingTalk's official SDK.

Usage: official_sdk_groups.py HOST:PORT CLIENT_ID CLIENT_SECRET OPEN_CONVERSATION_ID TEMPLATE_ID
The conversation must have zhangwei and lina in it, and somebody must have left in the last year. Prints "ok" or fails.
"""
import sys
import urllib.request
from datetime import datetime, timedelta, timezone

from alibabacloud_dingtalk.contact_1_0 import models as contact_models
from alibabacloud_dingtalk.contact_1_0.client import Client as ContactClient
from alibabacloud_dingtalk.conv_file_1_0 import models as conv_file_models
from alibabacloud_dingtalk.conv_file_1_0.client import Client as ConvFileClient
from alibabacloud_dingtalk.drive_1_0 import models as drive_models
from alibabacloud_dingtalk.drive_1_0.client import Client as DriveClient
from alibabacloud_dingtalk.im_1_0 import models as im_models
from alibabacloud_dingtalk.im_1_0.client import Client as ImClient
from alibabacloud_dingtalk.oauth2_1_0 import models as oauth_models
from alibabacloud_dingtalk.oauth2_1_0.client import Client as OauthClient
from alibabacloud_dingtalk.robot_1_0 import models as robot_models
from alibabacloud_dingtalk.robot_1_0.client import Client as RobotClient
from alibabacloud_dingtalk.storage_1_0 import models as storage_models
from alibabacloud_dingtalk.storage_1_0.client import Client as StorageClient
from alibabacloud_dingtalk.storage_2_0 import models as storage2_models
from alibabacloud_dingtalk.storage_2_0.client import Client as Storage2Client
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

endpoint, client_id, client_secret, conversation, template_id = sys.argv[1:6]
config = Config(protocol="http", region_id="central", endpoint=endpoint)
runtime = RuntimeOptions(autoretry=False)
token = OauthClient(config).get_access_token(
    oauth_models.GetAccessTokenRequest(app_key=client_id, app_secret=client_secret)
).body.access_token


def caller(client, models):
    """Calls a method of one module by its names and returns the parsed body."""

    def call(method, name, /, *path, **fields):
        headers = getattr(models, name + "Headers")(x_acs_dingtalk_access_token=token)
        request = getattr(models, name + "Request", None)
        arguments = list(path) + ([request(**fields)] if request else [])
        return getattr(client, method + "_with_options")(*arguments, headers, runtime).body

    return call


def refused(action):
    """The code of a refused call."""
    try:
        action()
    except Exception as error:
        return error.code
    raise AssertionError("the call was expected to be refused")


# Groups
im = caller(ImClient(config), im_models)
made = im("create_group", "CreateGroup", name="制度通知群", owner="zhangwei", owner_type="emp", useridlist=["lina"], conversation_tag=2)
assert made.conversation_tag == 2 and made.chatid and made.open_conversation_id, made
same = im("chat_id_to_open_conversation_id", "ChatIdToOpenConversationId", made.chatid)
assert same.open_conversation_id == made.open_conversation_id, same
options = im_models.UpdateGroupRequestManagementOptions(mention_all_authority=1)
assert im("update_group", "UpdateGroup", chatid=made.chatid, name="新名字", add_useridlist=["wangfang"], management_options=options).success
inner = im("get_inner_group_members", "GetInnerGroupMembers", open_conversation_id=made.open_conversation_id, user_id="lina", max_results=2)
assert inner.user_ids == ["zhangwei", "lina"] and inner.has_more and inner.next_token == "2", inner
assert refused(lambda: im("create_group", "CreateGroup", name="", owner="zhangwei", useridlist=[])) == "Missingname"
assert refused(lambda: im("update_group", "UpdateGroup", chatid="none")) == "parameter.invalid"

scene = im("create_scene_group", "CreateSceneGroup", title="场景群", template_id=template_id, owner_user_id="zhangwei", user_ids=["lina"], uuid="sdk")
scene_id = scene.open_conversation_id
assert scene_id and scene.chat_id, scene
assert im("add_scene_group_member", "AddSceneGroupMember", open_conversation_id=scene_id, user_ids=["wangfang"]).success
assert im("chat_sub_admin_update", "ChatSubAdminUpdate", open_conversation_id=scene_id, user_ids=["lina"], role=2).success
assert im("update_scene_group", "UpdateSceneGroup", open_conversation_id=scene_id, title="新标题").success
members = im("batch_query_group_member", "BatchQueryGroupMember", open_conversation_id=scene_id, max_results=100, next_token="")
assert members.member_user_ids == ["zhangwei", "lina", "wangfang"] and not members.has_more, members
assert im("remove_scene_group_member", "RemoveSceneGroupMember", open_conversation_id=scene_id, user_ids=["wangfang"]).success
brief = im("get_scene_group_info", "GetSceneGroupInfo", open_conversation_id=scene_id)
assert (brief.title, brief.owner_user_id, brief.status) == ("新标题", "zhangwei", 1), brief
detail = im("get_scene_group_detail_info", "GetSceneGroupDetailInfo", open_conversation_id=scene_id)
assert (detail.member_amount, detail.sub_admin_staff_ids) == (2, ["lina"]), detail
tab = im("add_conv_nav_tab", "AddConvNavTab", open_conversation_id=scene_id, title="制度", pc_url="https://a.example", mobile_url="https://a.example", user_editable=False)
tabs = im("list_conv_nav_tab", "ListConvNavTab", open_conversation_id=scene_id)
assert [row.tab_id for row in tabs.result.conv_nav_tab_infos] == [tab.result.tab_id], tabs
assert im("delete_conv_nav_tab", "DeleteConvNavTab", open_conversation_id=scene_id, tab_ids=[tab.result.tab_id]).success

robot = caller(RobotClient(config), robot_models)
assert robot("add_org_robot_instance_to_group", "AddOrgRobotInstanceToGroup", open_conversation_id=made.open_conversation_id, robot_code=client_id).result
installed = robot("query_robot_instance_in_group_info", "QueryRobotInstanceInGroupInfo", robot_code=client_id, max_result=10)
assert installed.open_conversation_ids == [conversation, made.open_conversation_id, scene_id], installed
assert im("dsband_open_scene_group", "DsbandOpenSceneGroup", open_conversation_id=scene_id).success

# Directory
contact = caller(ContactClient(config), contact_models)
since = (datetime.now(timezone.utc) - timedelta(days=300)).strftime("%Y-%m-%dT%H:%M:%SZ")
left = contact("list_emp_leave_records", "ListEmpLeaveRecords", start_time=since, max_results=50, next_token="0")
assert [(row.user_id, row.leave_reason) for row in left.records] == [("chenjing", "leave")], left

# Drive
conv_file = caller(ConvFileClient(config), conv_file_models)
drive = caller(DriveClient(config), drive_models)
storage = caller(StorageClient(config), storage_models)
storage2 = caller(Storage2Client(config), storage2_models)
lina, boss = "union-lina", "union-zhangwei"

space = conv_file("get_space", "GetSpace", union_id=lina, open_conversation_id=conversation).space.space_id


def put(info, content):
    """Object storage wants the signed headers and an empty Content-Type."""
    signed = info.header_signature_info
    request = urllib.request.Request(signed.resource_urls[0], data=content, method="PUT", headers={**signed.headers, "Content-Type": ""})
    assert urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).status == 200


def upload(content, strategy):
    check = storage_models.GetFileUploadInfoRequestOptionPreCheckParam(name="制度.pdf", parent_id="0", size=len(content))
    option = storage_models.GetFileUploadInfoRequestOption(storage_driver="DINGTALK", pre_check_param=check)
    info = storage("get_file_upload_info", "GetFileUploadInfo", space, union_id=lina, protocol="HEADER_SIGNATURE", multipart=False, option=option)
    assert (info.protocol, info.storage_driver) == ("HEADER_SIGNATURE", "DINGTALK"), info
    put(info, content)
    option = storage_models.CommitFileRequestOption(size=len(content), conflict_strategy=strategy)
    return storage("commit_file", "CommitFile", space, union_id=lina, upload_key=info.upload_key, name="制度.pdf", parent_id="0", option=option).dentry


first, second = upload(b"one", "OVERWRITE"), upload(b"two!", "OVERWRITE")
assert (second.id, second.version, second.size, second.type) == (first.id, 2, 4, "FILE"), second
versions = storage("list_dentry_versions", "ListDentryVersions", space, first.id, union_id=lina, max_results=10).dentries
assert [row.version for row in versions] == [2, 1], versions
folder = storage("add_folder", "AddFolder", space, "0", union_id=lina, name="制度").dentry
listed = storage("list_dentries", "ListDentries", space, union_id=lina, parent_id="0", max_results=50).dentries
assert sorted(row.type for row in listed) == ["FILE", "FOLDER"], listed
option = storage_models.ListAllDentriesRequestOption(max_results=1)
assert storage("list_all_dentries", "ListAllDentries", space, union_id=lina, option=option).next_token == "1"
assert storage("get_dentry", "GetDentry", space, first.id, union_id=lina).dentry.uuid == first.uuid
assert storage("rename_dentry", "RenameDentry", space, folder.id, union_id=lina, new_name="规章").dentry.name == "规章"
option = storage_models.GetDentryOpenInfoRequestOption(type="PREVIEW", water_mark=True, check_login=True)
opened = storage("get_dentry_open_info", "GetDentryOpenInfo", space, first.id, union_id=lina, option=option)
assert opened.has_water_mark and opened.url.startswith("http"), opened
option = storage_models.GetFileDownloadInfoRequestOption(version=1)
down = storage("get_file_download_info", "GetFileDownloadInfo", space, first.id, union_id=lina, option=option).header_signature_info
request = urllib.request.Request(down.resource_urls[0], headers=down.headers)
assert urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).read() == b"one"

info = storage2("get_file_upload_info", "GetFileUploadInfo", folder.uuid, union_id=lina, protocol="HEADER_SIGNATURE")
put(info, b"three")
inner = storage2("commit_file", "CommitFile", folder.uuid, union_id=lina, upload_key=info.upload_key, name="休假.docx").dentry
assert inner.path == "/规章/休假.docx" and inner.parent_id == folder.id, inner
member = [storage2_models.AddPermissionRequestMembers(type="USER", id="zhaolei")]
assert storage2("add_permission", "AddPermission", folder.uuid, union_id=lina, role_id="READER", members=member).success
rights = storage2("list_permissions", "ListPermissions", folder.uuid, union_id=lina).permissions
assert [(row.role.id, row.member.id) for row in rights] == [("READER", "zhaolei")], rights
assert storage2("set_permission_inheritance", "SetPermissionInheritance", folder.uuid, union_id=lina, inheritance="BREAK").success
assert storage2("get_permission_inheritance", "GetPermissionInheritance", folder.uuid, union_id=lina).inheritance == "BREAK"
member = [storage2_models.DeletePermissionRequestMembers(type="USER", id="zhaolei")]
assert storage2("delete_permission", "DeletePermission", folder.uuid, union_id=lina, role_id="READER", members=member).success
assert refused(lambda: storage("get_dentry", "GetDentry", space, first.id, union_id="union-zhaolei")) == "permissionDenied"

copied = conv_file("send", "Send", union_id=lina, space_id=space, dentry_id=first.id, open_conversation_id=conversation).file
assert copied.id != first.id and copied.conversation_id == conversation, copied
linked = conv_file("send_link", "SendLink", union_id=lina, space_id=space, dentry_id=first.id, open_conversation_id=conversation).file
assert linked.id == first.id, linked
assert conv_file("send_by_app", "SendByApp", union_id=boss, space_id=space, dentry_id=first.id).file.name == "制度.pdf"
removed = storage("delete_dentry", "DeleteDentry", space, folder.id, union_id=lina, to_recycle_bin=True)
assert removed.async_ is False, removed

shared = drive("add_space", "AddSpace", name="制度库", union_id=boss)
assert shared.space_id and shared.space_name == "制度库", shared
spaces = drive("list_spaces", "ListSpaces", union_id=boss, space_type="org", max_results=10).spaces
assert [row.space_id for row in spaces] == [shared.space_id], spaces
option = storage_models.AddSpaceRequestOption(name="阅知", owner_type="APP")
own = storage("add_space", "AddSpace", union_id=boss, option=option).space
assert storage("get_space", "GetSpace", own.id, union_id=boss).space.owner_type == "APP"
print("ok")
