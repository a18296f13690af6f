"""Every message of the supervisor schemas 2026-06-16 and 2026-10-30, as classes.

Written by scripts/generate_messages.py from the schemas of Airflow's task-sdk; do not edit. What the
classes can do is in afbundle.wire._message.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Literal, TypeAlias

from typing_extensions import dataclass_transform

from afbundle.wire._message import Field as Field

SCHEMA_VERSIONS: Final[tuple[str, ...]]
AIRFLOW_OF_SCHEMA: Final[Mapping[str, str]]

TO_TASK: Final[tuple[str, ...]]
TO_SUPERVISOR: Final[tuple[str, ...]]
TO_MANAGER: Final[tuple[str, ...]]
TO_DAG_PROCESSOR: Final[tuple[str, ...]]

@dataclass_transform(kw_only_default=True, frozen_default=True)
class Message:
    __fields__: ClassVar[Mapping[str, Field]]
    __since__: ClassVar[str]
    _body: dict[str, Any]
    def to_body(self) -> dict[str, Any]: ...

def from_body(body: object) -> Message: ...

JsonValue: TypeAlias = Mapping[str, JsonValue] | Sequence[JsonValue] | str | int | float | bool | None
ArgValueSchema: TypeAlias = Mapping[str, JsonValue]
DagRunState: TypeAlias = Literal["queued", "running", "success", "failed"]
DagRunType: TypeAlias = Literal[
    "backfill", "scheduled", "manual", "operator_triggered", "asset_triggered", "asset_materialization"
]
ErrorType: TypeAlias = Literal[
    "CONNECTION_NOT_FOUND",
    "VARIABLE_NOT_FOUND",
    "XCOM_NOT_FOUND",
    "ASSET_NOT_FOUND",
    "TASK_STORE_NOT_FOUND",
    "ASSET_STORE_NOT_FOUND",
    "DAGRUN_ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "GENERIC_ERROR",
    "API_SERVER_ERROR",
]
TaskInstanceState: TypeAlias = Literal[
    "removed",
    "scheduled",
    "queued",
    "running",
    "success",
    "restarting",
    "failed",
    "up_for_retry",
    "up_for_reschedule",
    "upstream_failed",
    "skipped",
    "deferred",
    "awaiting_input",
]

class AssetAliasReferenceAssetEventDagRun(Message):
    name: str

class AssetEventResponse(Message):
    id: int
    timestamp: datetime
    extra: Mapping[str, JsonValue] | None = None
    asset: AssetResponse
    created_dagruns: Sequence[DagRunAssetReference]
    source_task_id: str | None = None
    source_dag_id: str | None = None
    source_run_id: str | None = None
    source_map_index: int | None = None
    partition_key: str | None = None

class AssetEventsResult(Message):
    asset_events: Sequence[AssetEventResponse]
    type: Literal["AssetEventsResult"] = "AssetEventsResult"

class AssetProfile(Message):
    name: str | None = None
    uri: str | None = None
    type: str

class AssetResponse(Message):
    name: str
    uri: str
    group: str
    extra: Mapping[str, JsonValue] | None = None

class AssetResult(Message):
    name: str
    uri: str
    group: str
    extra: Mapping[str, JsonValue] | None = None
    type: Literal["AssetResult"] = "AssetResult"

class AssetStateStoreResult(Message):
    value: JsonValue
    type: Literal["AssetStateStoreResult"] = "AssetStateStoreResult"

class AssetsByAliasResult(Message):
    assets: Sequence[AssetResult]
    type: Literal["AssetsByAliasResult"] = "AssetsByAliasResult"

class AwaitInputTask(Message):
    state: Literal["awaiting_input"] = "awaiting_input"
    timeout: timedelta | None = None
    next_method: str
    next_kwargs: Mapping[str, JsonValue] | None = None
    rendered_map_index: str | None = None
    type: Literal["AwaitInputTask"] = "AwaitInputTask"

class BundleInfo(Message):
    name: str
    version: str | None = None
    version_data: Mapping[str, Any] | None = None  # since 2026-10-30

class ClearAssetStateStoreByName(Message):
    name: str
    type: Literal["ClearAssetStateStoreByName"] = "ClearAssetStateStoreByName"

class ClearAssetStateStoreByUri(Message):
    uri: str
    type: Literal["ClearAssetStateStoreByUri"] = "ClearAssetStateStoreByUri"

class ClearTaskStateStore(Message):
    ti_id: str
    type: Literal["ClearTaskStateStore"] = "ClearTaskStateStore"

class ConnectionResponse(Message):
    conn_id: str
    conn_type: str
    host: str | None
    schema: str | None
    login: str | None
    password: str | None
    port: int | None
    extra: str | None

class ConnectionResult(Message):
    conn_id: str
    conn_type: str
    host: str | None
    schema: str | None
    login: str | None
    password: str | None
    port: int | None
    extra: str | None
    type: Literal["ConnectionResult"] = "ConnectionResult"

class CreateHITLDetailPayload(Message):
    ti_id: str
    options: Sequence[str]
    subject: str
    body: str | None = None
    defaults: Sequence[str] | None = None
    multiple: bool | None = False
    params: Mapping[str, Any] | None = None
    assigned_users: Sequence[HITLUser] | None = None
    type: Literal["CreateHITLDetailPayload"] = "CreateHITLDetailPayload"

class DRCount(Message):
    count: int
    type: Literal["DRCount"] = "DRCount"

class DagCallbackRequest(Message):
    filepath: str
    bundle_name: str
    bundle_version: str | None
    version_data: Mapping[str, Any] | None = None  # since 2026-10-30
    msg: str | None = None
    dag_id: str
    run_id: str
    context_from_server: DagRunContext | None = None
    is_failure_callback: bool | None = True
    type: Literal["DagCallbackRequest"] = "DagCallbackRequest"

class DagFileParseRequest(Message):
    file: str
    bundle_path: str
    bundle_name: str
    callback_requests: Sequence[DagCallbackRequest | TaskCallbackRequest | EmailRequest] = ...
    type: Literal["DagFileParseRequest"] = "DagFileParseRequest"

class DagFileParsingResult(Message):
    fileloc: str
    serialized_dags: Sequence[LazyDeserializedDAG]
    warnings: Sequence[Any] | None = None
    import_errors: Mapping[str, str] | None = None
    parsed_definitions: Sequence[str] = ...  # since 2026-10-30
    dag_source_codes: Mapping[str, DagSourceCode] = ...  # since 2026-10-30
    type: Literal["DagFileParsingResult"] = "DagFileParsingResult"

class DagResult(Message):
    dag_id: str
    is_paused: bool
    bundle_name: str | None
    bundle_version: str | None
    relative_fileloc: str | None
    owners: str | None
    tags: Sequence[str]
    next_dagrun: datetime | None
    type: Literal["DagResult"] = "DagResult"

class DagRunAssetReference(Message):
    run_id: str
    dag_id: str
    logical_date: datetime | None
    start_date: datetime | None
    end_date: datetime | None
    state: str
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    partition_key: str | None

class DagRunContext(Message):
    dag_run: DagRun | None = None
    last_ti: TaskInstance | None = None

class DagRunResult(Message):
    dag_id: str
    run_id: str
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    start_date: datetime | None
    end_date: datetime | None
    clear_number: int | None = 0
    run_type: DagRunType
    state: DagRunState
    conf: Mapping[str, Any] | None = None
    triggering_user_name: str | None = None
    consumed_asset_events: Sequence[AssetEventDagRunReference]
    partition_key: str | None
    partition_date: datetime | None = None
    note: str | None = None
    team_name: str | None = None
    type: Literal["DagRunResult"] = "DagRunResult"

class DagRunStateResult(Message):
    state: DagRunState
    type: Literal["DagRunStateResult"] = "DagRunStateResult"

class DagSourceCode(Message):  # since 2026-10-30
    source_code: str
    language: str

class DeferTask(Message):
    state: Literal["deferred"] = "deferred"
    classpath: str
    trigger_kwargs: Mapping[str, JsonValue] | str | None = None
    trigger_timeout: timedelta | None = None
    queue: str | None = None
    next_method: str
    next_kwargs: Mapping[str, JsonValue] | None = None
    rendered_map_index: str | None = None
    type: Literal["DeferTask"] = "DeferTask"

class DeleteAssetStateStoreByName(Message):
    name: str
    key: str
    type: Literal["DeleteAssetStateStoreByName"] = "DeleteAssetStateStoreByName"

class DeleteAssetStateStoreByUri(Message):
    uri: str
    key: str
    type: Literal["DeleteAssetStateStoreByUri"] = "DeleteAssetStateStoreByUri"

class DeleteTaskStateStore(Message):
    ti_id: str
    key: str
    type: Literal["DeleteTaskStateStore"] = "DeleteTaskStateStore"

class DeleteVariable(Message):
    key: str
    type: Literal["DeleteVariable"] = "DeleteVariable"

class DeleteXCom(Message):
    key: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int | None = None
    type: Literal["DeleteXCom"] = "DeleteXCom"

class EmailRequest(Message):
    filepath: str
    bundle_name: str
    bundle_version: str | None
    version_data: Mapping[str, Any] | None = None  # since 2026-10-30
    msg: str | None = None
    ti: TaskInstance
    email_type: Literal["failure", "retry"] = "failure"
    context_from_server: TIRunContext
    type: Literal["EmailRequest"] = "EmailRequest"

class ErrorResponse(Message):
    error: ErrorType = "GENERIC_ERROR"
    detail: Mapping[str, Any] | None = None
    type: Literal["ErrorResponse"] = "ErrorResponse"

class GetAssetByName(Message):
    name: str
    type: Literal["GetAssetByName"] = "GetAssetByName"

class GetAssetByUri(Message):
    uri: str
    type: Literal["GetAssetByUri"] = "GetAssetByUri"

class GetAssetEventByAsset(Message):
    name: str | None
    uri: str | None
    after: datetime | None = None
    before: datetime | None = None
    limit: int | None = None
    ascending: bool = True
    partition_key: str | None = None  # since 2026-10-30
    partition_key_regexp_pattern: str | None = None  # since 2026-10-30
    extra: Mapping[str, str] | None = None  # since 2026-10-30
    type: Literal["GetAssetEventByAsset"] = "GetAssetEventByAsset"

class GetAssetEventByAssetAlias(Message):
    alias_name: str
    after: datetime | None = None
    before: datetime | None = None
    limit: int | None = None
    ascending: bool = True
    partition_key: str | None = None  # since 2026-10-30
    partition_key_regexp_pattern: str | None = None  # since 2026-10-30
    extra: Mapping[str, str] | None = None  # since 2026-10-30
    type: Literal["GetAssetEventByAssetAlias"] = "GetAssetEventByAssetAlias"

class GetAssetStateStoreByName(Message):
    name: str
    key: str
    type: Literal["GetAssetStateStoreByName"] = "GetAssetStateStoreByName"

class GetAssetStateStoreByUri(Message):
    uri: str
    key: str
    type: Literal["GetAssetStateStoreByUri"] = "GetAssetStateStoreByUri"

class GetAssetsByAlias(Message):
    alias_name: str
    type: Literal["GetAssetsByAlias"] = "GetAssetsByAlias"

class GetConnection(Message):
    conn_id: str
    type: Literal["GetConnection"] = "GetConnection"

class GetDRCount(Message):
    dag_id: str
    logical_dates: Sequence[datetime] | None = None
    run_ids: Sequence[str] | None = None
    states: Sequence[str] | None = None
    type: Literal["GetDRCount"] = "GetDRCount"

class GetDag(Message):
    dag_id: str
    type: Literal["GetDag"] = "GetDag"

class GetDagRun(Message):
    dag_id: str
    run_id: str
    type: Literal["GetDagRun"] = "GetDagRun"

class GetDagRunState(Message):
    dag_id: str
    run_id: str
    type: Literal["GetDagRunState"] = "GetDagRunState"

class GetHITLDetailResponse(Message):
    ti_id: str
    type: Literal["GetHITLDetailResponse"] = "GetHITLDetailResponse"

class GetPrevSuccessfulDagRun(Message):
    ti_id: str
    type: Literal["GetPrevSuccessfulDagRun"] = "GetPrevSuccessfulDagRun"

class GetPreviousDagRun(Message):
    dag_id: str
    logical_date: datetime
    state: str | None = None
    type: Literal["GetPreviousDagRun"] = "GetPreviousDagRun"

class GetPreviousTI(Message):
    dag_id: str
    task_id: str
    logical_date: datetime | None = None
    map_index: int = -1
    state: TaskInstanceState | None = None
    type: Literal["GetPreviousTI"] = "GetPreviousTI"

class GetTICount(Message):
    dag_id: str
    map_index: int | None = None
    task_ids: Sequence[str] | None = None
    task_group_id: str | None = None
    logical_dates: Sequence[datetime] | None = None
    run_ids: Sequence[str] | None = None
    states: Sequence[str] | None = None
    type: Literal["GetTICount"] = "GetTICount"

class GetTaskBreadcrumbs(Message):
    dag_id: str
    run_id: str
    type: Literal["GetTaskBreadcrumbs"] = "GetTaskBreadcrumbs"

class GetTaskRescheduleStartDate(Message):
    ti_id: str
    try_number: int = 1
    type: Literal["GetTaskRescheduleStartDate"] = "GetTaskRescheduleStartDate"

class GetTaskStateStore(Message):
    ti_id: str
    key: str
    type: Literal["GetTaskStateStore"] = "GetTaskStateStore"

class GetTaskStates(Message):
    dag_id: str
    map_index: int | None = None
    task_ids: Sequence[str] | None = None
    task_group_id: str | None = None
    logical_dates: Sequence[datetime] | None = None
    run_ids: Sequence[str] | None = None
    type: Literal["GetTaskStates"] = "GetTaskStates"

class GetVariable(Message):
    key: str
    type: Literal["GetVariable"] = "GetVariable"

class GetVariableKeys(Message):
    prefix: str | None = None
    limit: int = 1000
    offset: int = 0
    type: Literal["GetVariableKeys"] = "GetVariableKeys"

class GetXCom(Message):
    previous_iteration: bool = False  # since 2026-10-30
    key: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int | None = None
    include_prior_dates: bool = False
    type: Literal["GetXCom"] = "GetXCom"

class GetXComCount(Message):
    previous_iteration: bool = False  # since 2026-10-30
    key: str
    dag_id: str
    run_id: str
    task_id: str
    type: Literal["GetXComCount"] = "GetXComCount"

class GetXComSequenceItem(Message):
    previous_iteration: bool = False  # since 2026-10-30
    key: str
    dag_id: str
    run_id: str
    task_id: str
    offset: int
    type: Literal["GetXComSequenceItem"] = "GetXComSequenceItem"

class GetXComSequenceSlice(Message):
    previous_iteration: bool = False  # since 2026-10-30
    key: str
    dag_id: str
    run_id: str
    task_id: str
    start: int | None
    stop: int | None
    step: int | None
    include_prior_dates: bool = False
    type: Literal["GetXComSequenceSlice"] = "GetXComSequenceSlice"

class HITLDetailRequestResult(Message):
    ti_id: str
    options: Sequence[str]
    subject: str
    body: str | None = None
    defaults: Sequence[str] | None = None
    multiple: bool | None = False
    params: Mapping[str, Any] | None = None
    assigned_users: Sequence[HITLUser] | None = None
    type: Literal["HITLDetailRequestResult"] = "HITLDetailRequestResult"

class HITLUser(Message):
    id: str
    name: str

class InactiveAssetsResult(Message):
    inactive_assets: Sequence[AssetProfile] | None = None
    type: Literal["InactiveAssetsResult"] = "InactiveAssetsResult"

class LazyDeserializedDAG(Message):
    data: Mapping[str, Any]
    last_loaded: datetime | None = None

class LoopContext(Message):  # since 2026-10-30
    node_id: str
    index: int
    max_iterations: int
    terminal_task_id: str
    terminal_is_mapped: bool

class LoopDecisionPayload(Message):  # since 2026-10-30
    stop: bool
    reason: str | None = None

class MaskSecret(Message):
    value: JsonValue
    name: str | None = None
    type: Literal["MaskSecret"] = "MaskSecret"

class OKResponse(Message):
    ok: bool
    type: Literal["OKResponse"] = "OKResponse"

class PrevSuccessfulDagRunResult(Message):
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    type: Literal["PrevSuccessfulDagRunResult"] = "PrevSuccessfulDagRunResult"

class PreviousDagRunResult(Message):
    dag_run: DagRun | None = None
    type: Literal["PreviousDagRunResult"] = "PreviousDagRunResult"

class PreviousTIResponse(Message):
    task_id: str
    dag_id: str
    run_id: str
    logical_date: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    state: str | None = None
    try_number: int
    map_index: int | None = -1
    region_id: str | None = None  # since 2026-10-30
    region_index: int | None = None  # since 2026-10-30
    duration: float | None = None

class PreviousTIResult(Message):
    task_instance: PreviousTIResponse | None = None
    type: Literal["PreviousTIResult"] = "PreviousTIResult"

class PutVariable(Message):
    key: str
    value: str | None
    description: str | None
    type: Literal["PutVariable"] = "PutVariable"

class RescheduleTask(Message):
    state: Literal["up_for_reschedule"] = "up_for_reschedule"
    reschedule_date: datetime
    end_date: datetime
    type: Literal["RescheduleTask"] = "RescheduleTask"

class ResendLoggingFD(Message):
    type: Literal["ResendLoggingFD"] = "ResendLoggingFD"

class RetryTask(Message):
    state: Literal["up_for_retry"] = "up_for_retry"
    end_date: datetime
    rendered_map_index: str | None = None
    retry_delay_seconds: float | None = None
    retry_reason: str | None = None
    type: Literal["RetryTask"] = "RetryTask"

class SentFDs(Message):
    type: Literal["SentFDs"] = "SentFDs"
    fds: Sequence[int]

class SetAssetStateStoreByName(Message):
    name: str
    key: str
    value: JsonValue
    type: Literal["SetAssetStateStoreByName"] = "SetAssetStateStoreByName"

class SetAssetStateStoreByUri(Message):
    uri: str
    key: str
    value: JsonValue
    type: Literal["SetAssetStateStoreByUri"] = "SetAssetStateStoreByUri"

class SetExecutionTimeout(Message):  # since 2026-10-30
    timeout_seconds: float
    type: Literal["SetExecutionTimeout"] = "SetExecutionTimeout"

class SetRenderedFields(Message):
    rendered_fields: Mapping[str, JsonValue]
    type: Literal["SetRenderedFields"] = "SetRenderedFields"

class SetRenderedMapIndex(Message):
    rendered_map_index: str
    type: Literal["SetRenderedMapIndex"] = "SetRenderedMapIndex"

class SetTaskStateStore(Message):
    ti_id: str
    key: str
    value: JsonValue
    expires_at: datetime | None
    type: Literal["SetTaskStateStore"] = "SetTaskStateStore"

class SetXCom(Message):
    key: str
    value: JsonValue
    dag_id: str
    run_id: str
    task_id: str
    map_index: int | None = None
    dag_result: bool = False
    mapped_length: int | None = None
    type: Literal["SetXCom"] = "SetXCom"

class SkipDownstreamTasks(Message):
    tasks: Sequence[str | tuple[str, int]]
    type: Literal["SkipDownstreamTasks"] = "SkipDownstreamTasks"

class StartupDetails(Message):
    ti: TaskInstance
    dag_rel_path: str
    bundle_info: BundleInfo
    start_date: datetime
    ti_context: TIRunContext
    sentry_integration: str
    type: Literal["StartupDetails"] = "StartupDetails"

class SucceedTask(Message):
    state: Literal["success"] = "success"
    end_date: datetime
    task_outlets: Sequence[AssetProfile] | None = None
    outlet_events: Sequence[Mapping[str, Any]] | None = None
    rendered_map_index: str | None = None
    loop_decision: LoopDecisionPayload | None = None  # since 2026-10-30
    type: Literal["SucceedTask"] = "SucceedTask"

class TICount(Message):
    count: int
    type: Literal["TICount"] = "TICount"

class TaskBreadcrumbsResult(Message):
    breadcrumbs: Sequence[Mapping[str, Any]]
    type: Literal["TaskBreadcrumbsResult"] = "TaskBreadcrumbsResult"

class TaskCallbackRequest(Message):
    filepath: str
    bundle_name: str
    bundle_version: str | None
    version_data: Mapping[str, Any] | None = None  # since 2026-10-30
    msg: str | None = None
    ti: TaskInstance
    task_callback_type: TaskInstanceState | None = None
    context_from_server: TIRunContext | None = None
    type: Literal["TaskCallbackRequest"] = "TaskCallbackRequest"

class TaskRescheduleStartDate(Message):
    start_date: datetime | None
    type: Literal["TaskRescheduleStartDate"] = "TaskRescheduleStartDate"

class TaskState(Message):
    state: Literal["failed", "skipped", "removed"]
    end_date: datetime | None = None
    type: Literal["TaskState"] = "TaskState"
    rendered_map_index: str | None = None
    retry_reason: str | None = None  # since 2026-10-30
    loop_decision: LoopDecisionPayload | None = None  # since 2026-10-30

class TaskStateStoreResult(Message):
    value: JsonValue
    type: Literal["TaskStateStoreResult"] = "TaskStateStoreResult"

class TaskStatesResult(Message):
    task_states: Mapping[str, Any]
    type: Literal["TaskStatesResult"] = "TaskStatesResult"

class TriggerDagRun(Message):
    logical_date: datetime | None = None
    run_after: datetime | None = None
    conf: Mapping[str, Any] | None = None
    reset_dag_run: bool | None = False
    partition_key: str | None = None
    note: str | None = None
    dag_id: str
    run_id: str
    type: Literal["TriggerDagRun"] = "TriggerDagRun"

class UpdateDagRunNote(Message):  # since 2026-10-30
    ti_id: str
    note: str | None
    type: Literal["UpdateDagRunNote"] = "UpdateDagRunNote"

class UpdateHITLDetail(Message):
    ti_id: str
    chosen_options: Sequence[str]
    params_input: Mapping[str, Any] | None = None
    type: Literal["UpdateHITLDetail"] = "UpdateHITLDetail"

class ValidateInletsAndOutlets(Message):
    ti_id: str
    type: Literal["ValidateInletsAndOutlets"] = "ValidateInletsAndOutlets"

class VariableKeysResult(Message):
    keys: Sequence[str]
    total_entries: int
    type: Literal["VariableKeysResult"] = "VariableKeysResult"

class VariableResponse(Message):
    key: str
    value: str | None

class VariableResult(Message):
    key: str
    value: str | None
    type: Literal["VariableResult"] = "VariableResult"

class XComCountResponse(Message):
    len: int
    type: Literal["XComCountResponse"] = "XComCountResponse"

class XComResult(Message):
    key: str
    value: JsonValue
    type: Literal["XComResult"] = "XComResult"

class XComSequenceIndexResult(Message):
    root: JsonValue
    type: Literal["XComSequenceIndexResult"] = "XComSequenceIndexResult"

class XComSequenceSliceResult(Message):
    root: Sequence[JsonValue]
    type: Literal["XComSequenceSliceResult"] = "XComSequenceSliceResult"

class LiteralArgBinding(Message):  # since 2026-10-30
    name: str
    value_schema: Mapping[str, JsonValue] | None = None
    kind: Literal["literal"] = "literal"
    value: JsonValue = None
    from_default: bool = False

class XComArgBinding(Message):  # since 2026-10-30
    name: str
    value_schema: Mapping[str, JsonValue] | None = None
    kind: Literal["xcom"] = "xcom"
    task_id: str

class AssetEventDagRunReference(Message):
    asset: AssetReferenceAssetEventDagRun
    extra: Mapping[str, JsonValue]
    source_task_id: str | None
    source_dag_id: str | None
    source_run_id: str | None
    source_map_index: int | None
    source_aliases: Sequence[AssetAliasReferenceAssetEventDagRun]
    timestamp: datetime
    partition_key: str | None = None

class AssetReferenceAssetEventDagRun(Message):
    name: str
    uri: str
    extra: Mapping[str, JsonValue]

class DagRun(Message):
    dag_id: str
    run_id: str
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    start_date: datetime | None
    end_date: datetime | None
    clear_number: int = 0
    run_type: DagRunType
    state: DagRunState
    conf: Mapping[str, Any] | None = None
    triggering_user_name: str | None = None
    consumed_asset_events: Sequence[AssetEventDagRunReference]
    partition_key: str | None
    partition_date: datetime | None = None
    note: str | None = None
    team_name: str | None = None

class TIRunContext(Message):
    dag_run: DagRun
    loop: LoopContext | None = None  # since 2026-10-30
    task_reschedule_count: int = 0
    first_task_reschedule_start_date: datetime | None = None  # since 2026-10-30
    max_tries: int
    variables: Sequence[VariableResponse] = ...
    connections: Sequence[ConnectionResponse] = ...
    next_method: str | None = None
    next_kwargs: Mapping[str, Any] | str | None = None
    xcom_keys_to_clear: Sequence[str] = ...
    should_retry: bool = False
    start_date: datetime | None = None
    arg_bindings: Sequence[XComArgBinding | LiteralArgBinding] | None = None  # since 2026-10-30
    multi_team: bool = False  # since 2026-10-30

class TaskInstance(Message):
    id: str
    task_id: str
    dag_id: str
    run_id: str
    try_number: int
    dag_version_id: str
    map_index: int = -1
    region_id: str | None = None  # since 2026-10-30
    region_index: int | None = None  # since 2026-10-30
    hostname: str | None = None
    context_carrier: Mapping[str, Any] | None = None
    queue: str = "default"

ToTask: TypeAlias = (
    AssetResult
    | AssetsByAliasResult
    | AssetEventsResult
    | AssetStateStoreResult
    | ConnectionResult
    | DagRunResult
    | DagRunStateResult
    | DRCount
    | DagResult
    | ErrorResponse
    | PrevSuccessfulDagRunResult
    | PreviousTIResult
    | SentFDs
    | StartupDetails
    | TaskRescheduleStartDate
    | TaskStateStoreResult
    | TICount
    | TaskBreadcrumbsResult
    | TaskStatesResult
    | VariableResult
    | VariableKeysResult
    | XComCountResponse
    | XComResult
    | XComSequenceIndexResult
    | XComSequenceSliceResult
    | InactiveAssetsResult
    | CreateHITLDetailPayload
    | HITLDetailRequestResult
    | OKResponse
    | PreviousDagRunResult
)
ToSupervisor: TypeAlias = (
    AwaitInputTask
    | ClearAssetStateStoreByName
    | ClearAssetStateStoreByUri
    | ClearTaskStateStore
    | DeferTask
    | DeleteAssetStateStoreByName
    | DeleteAssetStateStoreByUri
    | DeleteTaskStateStore
    | DeleteXCom
    | GetAssetByName
    | GetAssetByUri
    | GetAssetsByAlias
    | GetAssetEventByAsset
    | GetAssetEventByAssetAlias
    | GetAssetStateStoreByName
    | GetAssetStateStoreByUri
    | GetConnection
    | GetDagRun
    | GetDagRunState
    | GetDRCount
    | GetDag
    | GetPrevSuccessfulDagRun
    | GetPreviousDagRun
    | GetPreviousTI
    | GetTaskRescheduleStartDate
    | GetTaskStateStore
    | GetTICount
    | GetTaskBreadcrumbs
    | GetTaskStates
    | GetVariable
    | GetVariableKeys
    | GetXCom
    | GetXComCount
    | GetXComSequenceItem
    | GetXComSequenceSlice
    | PutVariable
    | RescheduleTask
    | RetryTask
    | SetAssetStateStoreByName
    | SetAssetStateStoreByUri
    | SetExecutionTimeout
    | SetRenderedFields
    | SetRenderedMapIndex
    | SetTaskStateStore
    | SetXCom
    | SkipDownstreamTasks
    | SucceedTask
    | ValidateInletsAndOutlets
    | TaskState
    | TriggerDagRun
    | UpdateDagRunNote
    | DeleteVariable
    | ResendLoggingFD
    | CreateHITLDetailPayload
    | UpdateHITLDetail
    | GetHITLDetailResponse
    | MaskSecret
)
ToManager: TypeAlias = (
    DagFileParsingResult
    | GetConnection
    | GetVariable
    | GetVariableKeys
    | PutVariable
    | GetTaskStates
    | GetTICount
    | DeleteVariable
    | GetPrevSuccessfulDagRun
    | GetPreviousDagRun
    | GetPreviousTI
    | GetXCom
    | GetXComCount
    | GetXComSequenceItem
    | GetXComSequenceSlice
    | MaskSecret
)
ToDagProcessor: TypeAlias = (
    DagFileParseRequest
    | ConnectionResult
    | VariableResult
    | VariableKeysResult
    | TaskStatesResult
    | PreviousDagRunResult
    | PreviousTIResult
    | PrevSuccessfulDagRunResult
    | ErrorResponse
    | OKResponse
    | XComCountResponse
    | XComResult
    | XComSequenceIndexResult
    | XComSequenceSliceResult
)
TaskArgBinding: TypeAlias = XComArgBinding | LiteralArgBinding
