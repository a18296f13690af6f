"""Every message of the supervisor schemas 2026-06-16 and 2026-10-30, as classes.

Written by scripts/generate_messages.py from the schemas of Airflow's task-sdk; do not edit. Classes are made
when they are first asked for; their types are in messages.pyi.
"""

from __future__ import annotations

from afbundle.wire._message import Field, Message, Schema  # noqa: F401 - shown here

SCHEMA_VERSIONS = ("2026-06-16", "2026-10-30")
AIRFLOW_OF_SCHEMA = {"2026-06-16": "3.3", "2026-10-30": "3.4"}

TO_TASK = (
    "AssetResult",
    "AssetsByAliasResult",
    "AssetEventsResult",
    "AssetStateStoreResult",
    "ConnectionResult",
    "DagRunResult",
    "DagRunStateResult",
    "DRCount",
    "DagResult",
    "ErrorResponse",
    "PrevSuccessfulDagRunResult",
    "PreviousTIResult",
    "SentFDs",
    "StartupDetails",
    "TaskRescheduleStartDate",
    "TaskStateStoreResult",
    "TICount",
    "TaskBreadcrumbsResult",
    "TaskStatesResult",
    "VariableResult",
    "VariableKeysResult",
    "XComCountResponse",
    "XComResult",
    "XComSequenceIndexResult",
    "XComSequenceSliceResult",
    "InactiveAssetsResult",
    "CreateHITLDetailPayload",
    "HITLDetailRequestResult",
    "OKResponse",
    "PreviousDagRunResult",
)
TO_SUPERVISOR = (
    "AwaitInputTask",
    "ClearAssetStateStoreByName",
    "ClearAssetStateStoreByUri",
    "ClearTaskStateStore",
    "DeferTask",
    "DeleteAssetStateStoreByName",
    "DeleteAssetStateStoreByUri",
    "DeleteTaskStateStore",
    "DeleteXCom",
    "GetAssetByName",
    "GetAssetByUri",
    "GetAssetsByAlias",
    "GetAssetEventByAsset",
    "GetAssetEventByAssetAlias",
    "GetAssetStateStoreByName",
    "GetAssetStateStoreByUri",
    "GetConnection",
    "GetDagRun",
    "GetDagRunState",
    "GetDRCount",
    "GetDag",
    "GetPrevSuccessfulDagRun",
    "GetPreviousDagRun",
    "GetPreviousTI",
    "GetTaskRescheduleStartDate",
    "GetTaskStateStore",
    "GetTICount",
    "GetTaskBreadcrumbs",
    "GetTaskStates",
    "GetVariable",
    "GetVariableKeys",
    "GetXCom",
    "GetXComCount",
    "GetXComSequenceItem",
    "GetXComSequenceSlice",
    "PutVariable",
    "RescheduleTask",
    "RetryTask",
    "SetAssetStateStoreByName",
    "SetAssetStateStoreByUri",
    "SetExecutionTimeout",
    "SetRenderedFields",
    "SetRenderedMapIndex",
    "SetTaskStateStore",
    "SetXCom",
    "SkipDownstreamTasks",
    "SucceedTask",
    "ValidateInletsAndOutlets",
    "TaskState",
    "TriggerDagRun",
    "UpdateDagRunNote",
    "DeleteVariable",
    "ResendLoggingFD",
    "CreateHITLDetailPayload",
    "UpdateHITLDetail",
    "GetHITLDetailResponse",
    "MaskSecret",
)
TO_MANAGER = (
    "DagFileParsingResult",
    "GetConnection",
    "GetVariable",
    "GetVariableKeys",
    "PutVariable",
    "GetTaskStates",
    "GetTICount",
    "DeleteVariable",
    "GetPrevSuccessfulDagRun",
    "GetPreviousDagRun",
    "GetPreviousTI",
    "GetXCom",
    "GetXComCount",
    "GetXComSequenceItem",
    "GetXComSequenceSlice",
    "MaskSecret",
)
TO_DAG_PROCESSOR = (
    "DagFileParseRequest",
    "ConnectionResult",
    "VariableResult",
    "VariableKeysResult",
    "TaskStatesResult",
    "PreviousDagRunResult",
    "PreviousTIResult",
    "PrevSuccessfulDagRunResult",
    "ErrorResponse",
    "OKResponse",
    "XComCountResponse",
    "XComResult",
    "XComSequenceIndexResult",
    "XComSequenceSliceResult",
)

_ENUMS = {
    "DagRunState": ("queued", "running", "success", "failed"),
    "DagRunType": (
        "backfill",
        "scheduled",
        "manual",
        "operator_triggered",
        "asset_triggered",
        "asset_materialization",
    ),
    "ErrorType": (
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
    ),
    "TaskInstanceState": (
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
    ),
}

_UNIONS = {
    "ToTask": TO_TASK,
    "ToSupervisor": TO_SUPERVISOR,
    "ToManager": TO_MANAGER,
    "ToDagProcessor": TO_DAG_PROCESSOR,
    "TaskArgBinding": ("XComArgBinding", "LiteralArgBinding"),
}

# name: (first version, ((field, annotation, default if not required, first version if later), ...))
_STRUCTS = {
    "AssetAliasReferenceAssetEventDagRun": (0, (("name", "str"),)),
    "AssetEventResponse": (
        0,
        (
            ("id", "int"),
            ("timestamp", "datetime"),
            ("extra", "dict[str, JsonValue] | None", None),
            ("asset", "AssetResponse"),
            ("created_dagruns", "list[DagRunAssetReference]"),
            ("source_task_id", "str | None", None),
            ("source_dag_id", "str | None", None),
            ("source_run_id", "str | None", None),
            ("source_map_index", "int | None", None),
            ("partition_key", "str | None", None),
        ),
    ),
    "AssetEventsResult": (
        0,
        (
            ("asset_events", "list[AssetEventResponse]"),
            ("type", "Literal['AssetEventsResult']", "AssetEventsResult"),
        ),
    ),
    "AssetProfile": (
        0,
        (
            ("name", "str | None", None),
            ("uri", "str | None", None),
            ("type", "str"),
        ),
    ),
    "AssetResponse": (
        0,
        (
            ("name", "str"),
            ("uri", "str"),
            ("group", "str"),
            ("extra", "dict[str, JsonValue] | None", None),
        ),
    ),
    "AssetResult": (
        0,
        (
            ("name", "str"),
            ("uri", "str"),
            ("group", "str"),
            ("extra", "dict[str, JsonValue] | None", None),
            ("type", "Literal['AssetResult']", "AssetResult"),
        ),
    ),
    "AssetStateStoreResult": (
        0,
        (
            ("value", "JsonValue"),
            ("type", "Literal['AssetStateStoreResult']", "AssetStateStoreResult"),
        ),
    ),
    "AssetsByAliasResult": (
        0,
        (
            ("assets", "list[AssetResult]"),
            ("type", "Literal['AssetsByAliasResult']", "AssetsByAliasResult"),
        ),
    ),
    "AwaitInputTask": (
        0,
        (
            ("state", "Literal['awaiting_input']", "awaiting_input"),
            ("timeout", "timedelta | None", None),
            ("next_method", "str"),
            ("next_kwargs", "dict[str, JsonValue] | None", None),
            ("rendered_map_index", "str | None", None),
            ("type", "Literal['AwaitInputTask']", "AwaitInputTask"),
        ),
    ),
    "BundleInfo": (
        0,
        (
            ("name", "str"),
            ("version", "str | None", None),
            ("version_data", "dict[str, Any] | None", None, 1),
        ),
    ),
    "ClearAssetStateStoreByName": (
        0,
        (
            ("name", "str"),
            ("type", "Literal['ClearAssetStateStoreByName']", "ClearAssetStateStoreByName"),
        ),
    ),
    "ClearAssetStateStoreByUri": (
        0,
        (
            ("uri", "str"),
            ("type", "Literal['ClearAssetStateStoreByUri']", "ClearAssetStateStoreByUri"),
        ),
    ),
    "ClearTaskStateStore": (
        0,
        (
            ("ti_id", "Uuid"),
            ("type", "Literal['ClearTaskStateStore']", "ClearTaskStateStore"),
        ),
    ),
    "ConnectionResponse": (
        0,
        (
            ("conn_id", "str"),
            ("conn_type", "str"),
            ("host", "str | None"),
            ("schema", "str | None"),
            ("login", "str | None"),
            ("password", "str | None"),
            ("port", "int | None"),
            ("extra", "str | None"),
        ),
    ),
    "ConnectionResult": (
        0,
        (
            ("conn_id", "str"),
            ("conn_type", "str"),
            ("host", "str | None"),
            ("schema", "str | None"),
            ("login", "str | None"),
            ("password", "str | None"),
            ("port", "int | None"),
            ("extra", "str | None"),
            ("type", "Literal['ConnectionResult']", "ConnectionResult"),
        ),
    ),
    "CreateHITLDetailPayload": (
        0,
        (
            ("ti_id", "Uuid"),
            ("options", "list[str] not empty"),
            ("subject", "str"),
            ("body", "str | None", None),
            ("defaults", "list[str] | None", None),
            ("multiple", "bool | None", False),
            ("params", "dict[str, Any] | None", None),
            ("assigned_users", "list[HITLUser] | None", None),
            ("type", "Literal['CreateHITLDetailPayload']", "CreateHITLDetailPayload"),
        ),
    ),
    "DRCount": (
        0,
        (
            ("count", "int"),
            ("type", "Literal['DRCount']", "DRCount"),
        ),
    ),
    "DagCallbackRequest": (
        0,
        (
            ("filepath", "str"),
            ("bundle_name", "str"),
            ("bundle_version", "str | None"),
            ("version_data", "dict[str, Any] | None", None, 1),
            ("msg", "str | None", None),
            ("dag_id", "str"),
            ("run_id", "str"),
            ("context_from_server", "DagRunContext | None", None),
            ("is_failure_callback", "bool | None", True),
            ("type", "Literal['DagCallbackRequest']", "DagCallbackRequest"),
        ),
    ),
    "DagFileParseRequest": (
        0,
        (
            ("file", "str"),
            ("bundle_path", "str"),
            ("bundle_name", "str"),
            ("callback_requests", "list[DagCallbackRequest | TaskCallbackRequest | EmailRequest]", ...),
            ("type", "Literal['DagFileParseRequest']", "DagFileParseRequest"),
        ),
    ),
    "DagFileParsingResult": (
        0,
        (
            ("fileloc", "str"),
            ("serialized_dags", "list[LazyDeserializedDAG]"),
            ("warnings", "list[Any] | None", None),
            ("import_errors", "dict[str, str] | None", None),
            ("parsed_definitions", "list[str]", ..., 1),
            ("dag_source_codes", "dict[str, DagSourceCode]", ..., 1),
            ("type", "Literal['DagFileParsingResult']", "DagFileParsingResult"),
        ),
    ),
    "DagResult": (
        0,
        (
            ("dag_id", "str"),
            ("is_paused", "bool"),
            ("bundle_name", "str | None"),
            ("bundle_version", "str | None"),
            ("relative_fileloc", "str | None"),
            ("owners", "str | None"),
            ("tags", "list[str]"),
            ("next_dagrun", "datetime | None"),
            ("type", "Literal['DagResult']", "DagResult"),
        ),
    ),
    "DagRunAssetReference": (
        0,
        (
            ("run_id", "str"),
            ("dag_id", "str"),
            ("logical_date", "datetime | None"),
            ("start_date", "datetime | None"),
            ("end_date", "datetime | None"),
            ("state", "str"),
            ("data_interval_start", "datetime | None"),
            ("data_interval_end", "datetime | None"),
            ("partition_key", "str | None"),
        ),
    ),
    "DagRunContext": (
        0,
        (
            ("dag_run", "DagRun | None", None),
            ("last_ti", "TaskInstance | None", None),
        ),
    ),
    "DagRunResult": (
        0,
        (
            ("dag_id", "str"),
            ("run_id", "str"),
            ("logical_date", "datetime | None"),
            ("data_interval_start", "datetime | None"),
            ("data_interval_end", "datetime | None"),
            ("run_after", "datetime"),
            ("start_date", "datetime | None"),
            ("end_date", "datetime | None"),
            ("clear_number", "int | None", 0),
            ("run_type", "DagRunType"),
            ("state", "DagRunState"),
            ("conf", "dict[str, Any] | None", None),
            ("triggering_user_name", "str | None", None),
            ("consumed_asset_events", "list[AssetEventDagRunReference]"),
            ("partition_key", "str | None"),
            ("partition_date", "datetime | None", None),
            ("note", "str | None", None),
            ("team_name", "str | None", None),
            ("type", "Literal['DagRunResult']", "DagRunResult"),
        ),
    ),
    "DagRunStateResult": (
        0,
        (
            ("state", "DagRunState"),
            ("type", "Literal['DagRunStateResult']", "DagRunStateResult"),
        ),
    ),
    "DagSourceCode": (
        1,
        (
            ("source_code", "str"),
            ("language", "str"),
        ),
    ),
    "DeferTask": (
        0,
        (
            ("state", "Literal['deferred']", "deferred"),
            ("classpath", "str"),
            ("trigger_kwargs", "dict[str, JsonValue] | str | None", None),
            ("trigger_timeout", "timedelta | None", None),
            ("queue", "str | None", None),
            ("next_method", "str"),
            ("next_kwargs", "dict[str, JsonValue] | None", None),
            ("rendered_map_index", "str | None", None),
            ("type", "Literal['DeferTask']", "DeferTask"),
        ),
    ),
    "DeleteAssetStateStoreByName": (
        0,
        (
            ("name", "str"),
            ("key", "str"),
            ("type", "Literal['DeleteAssetStateStoreByName']", "DeleteAssetStateStoreByName"),
        ),
    ),
    "DeleteAssetStateStoreByUri": (
        0,
        (
            ("uri", "str"),
            ("key", "str"),
            ("type", "Literal['DeleteAssetStateStoreByUri']", "DeleteAssetStateStoreByUri"),
        ),
    ),
    "DeleteTaskStateStore": (
        0,
        (
            ("ti_id", "Uuid"),
            ("key", "str"),
            ("type", "Literal['DeleteTaskStateStore']", "DeleteTaskStateStore"),
        ),
    ),
    "DeleteVariable": (
        0,
        (
            ("key", "str"),
            ("type", "Literal['DeleteVariable']", "DeleteVariable"),
        ),
    ),
    "DeleteXCom": (
        0,
        (
            ("key", "str"),
            ("dag_id", "str"),
            ("run_id", "str"),
            ("task_id", "str"),
            ("map_index", "int | None", None),
            ("type", "Literal['DeleteXCom']", "DeleteXCom"),
        ),
    ),
    "EmailRequest": (
        0,
        (
            ("filepath", "str"),
            ("bundle_name", "str"),
            ("bundle_version", "str | None"),
            ("version_data", "dict[str, Any] | None", None, 1),
            ("msg", "str | None", None),
            ("ti", "TaskInstance"),
            ("email_type", "Literal['failure', 'retry']", "failure"),
            ("context_from_server", "TIRunContext"),
            ("type", "Literal['EmailRequest']", "EmailRequest"),
        ),
    ),
    "ErrorResponse": (
        0,
        (
            ("error", "ErrorType", "GENERIC_ERROR"),
            ("detail", "dict[str, Any] | None", None),
            ("type", "Literal['ErrorResponse']", "ErrorResponse"),
        ),
    ),
    "GetAssetByName": (
        0,
        (
            ("name", "str"),
            ("type", "Literal['GetAssetByName']", "GetAssetByName"),
        ),
    ),
    "GetAssetByUri": (
        0,
        (
            ("uri", "str"),
            ("type", "Literal['GetAssetByUri']", "GetAssetByUri"),
        ),
    ),
    "GetAssetEventByAsset": (
        0,
        (
            ("name", "str | None"),
            ("uri", "str | None"),
            ("after", "datetime | None", None),
            ("before", "datetime | None", None),
            ("limit", "int | None", None),
            ("ascending", "bool", True),
            ("partition_key", "str | None", None, 1),
            ("partition_key_regexp_pattern", "str | None", None, 1),
            ("extra", "dict[str, str] | None", None, 1),
            ("type", "Literal['GetAssetEventByAsset']", "GetAssetEventByAsset"),
        ),
    ),
    "GetAssetEventByAssetAlias": (
        0,
        (
            ("alias_name", "str"),
            ("after", "datetime | None", None),
            ("before", "datetime | None", None),
            ("limit", "int | None", None),
            ("ascending", "bool", True),
            ("partition_key", "str | None", None, 1),
            ("partition_key_regexp_pattern", "str | None", None, 1),
            ("extra", "dict[str, str] | None", None, 1),
            ("type", "Literal['GetAssetEventByAssetAlias']", "GetAssetEventByAssetAlias"),
        ),
    ),
    "GetAssetStateStoreByName": (
        0,
        (
            ("name", "str"),
            ("key", "str"),
            ("type", "Literal['GetAssetStateStoreByName']", "GetAssetStateStoreByName"),
        ),
    ),
    "GetAssetStateStoreByUri": (
        0,
        (
            ("uri", "str"),
            ("key", "str"),
            ("type", "Literal['GetAssetStateStoreByUri']", "GetAssetStateStoreByUri"),
        ),
    ),
    "GetAssetsByAlias": (
        0,
        (
            ("alias_name", "str"),
            ("type", "Literal['GetAssetsByAlias']", "GetAssetsByAlias"),
        ),
    ),
    "GetConnection": (
        0,
        (
            ("conn_id", "str"),
            ("type", "Literal['GetConnection']", "GetConnection"),
        ),
    ),
    "GetDRCount": (
        0,
        (
            ("dag_id", "str"),
            ("logical_dates", "list[datetime] | None", None),
            ("run_ids", "list[str] | None", None),
            ("states", "list[str] | None", None),
            ("type", "Literal['GetDRCount']", "GetDRCount"),
        ),
    ),
    "GetDag": (
        0,
        (
            ("dag_id", "str"),
            ("type", "Literal['GetDag']", "GetDag"),
        ),
    ),
    "GetDagRun": (
        0,
        (
            ("dag_id", "str"),
            ("run_id", "str"),
            ("type", "Literal['GetDagRun']", "GetDagRun"),
        ),
    ),
    "GetDagRunState": (
        0,
        (
            ("dag_id", "str"),
            ("run_id", "str"),
            ("type", "Literal['GetDagRunState']", "GetDagRunState"),
        ),
    ),
    "GetHITLDetailResponse": (
        0,
        (
            ("ti_id", "Uuid"),
            ("type", "Literal['GetHITLDetailResponse']", "GetHITLDetailResponse"),
        ),
    ),
    "GetPrevSuccessfulDagRun": (
        0,
        (
            ("ti_id", "Uuid"),
            ("type", "Literal['GetPrevSuccessfulDagRun']", "GetPrevSuccessfulDagRun"),
        ),
    ),
    "GetPreviousDagRun": (
        0,
        (
            ("dag_id", "str"),
            ("logical_date", "datetime"),
            ("state", "str | None", None),
            ("type", "Literal['GetPreviousDagRun']", "GetPreviousDagRun"),
        ),
    ),
    "GetPreviousTI": (
        0,
        (
            ("dag_id", "str"),
            ("task_id", "str"),
            ("logical_date", "datetime | None", None),
            ("map_index", "int", -1),
            ("state", "TaskInstanceState | None", None),
            ("type", "Literal['GetPreviousTI']", "GetPreviousTI"),
        ),
    ),
    "GetTICount": (
        0,
        (
            ("dag_id", "str"),
            ("map_index", "int | None", None),
            ("task_ids", "list[str] | None", None),
            ("task_group_id", "str | None", None),
            ("logical_dates", "list[datetime] | None", None),
            ("run_ids", "list[str] | None", None),
            ("states", "list[str] | None", None),
            ("type", "Literal['GetTICount']", "GetTICount"),
        ),
    ),
    "GetTaskBreadcrumbs": (
        0,
        (
            ("dag_id", "str"),
            ("run_id", "str"),
            ("type", "Literal['GetTaskBreadcrumbs']", "GetTaskBreadcrumbs"),
        ),
    ),
    "GetTaskRescheduleStartDate": (
        0,
        (
            ("ti_id", "Uuid"),
            ("try_number", "int", 1),
            ("type", "Literal['GetTaskRescheduleStartDate']", "GetTaskRescheduleStartDate"),
        ),
    ),
    "GetTaskStateStore": (
        0,
        (
            ("ti_id", "Uuid"),
            ("key", "str"),
            ("type", "Literal['GetTaskStateStore']", "GetTaskStateStore"),
        ),
    ),
    "GetTaskStates": (
        0,
        (
            ("dag_id", "str"),
            ("map_index", "int | None", None),
            ("task_ids", "list[str] | None", None),
            ("task_group_id", "str | None", None),
            ("logical_dates", "list[datetime] | None", None),
            ("run_ids", "list[str] | None", None),
            ("type", "Literal['GetTaskStates']", "GetTaskStates"),
        ),
    ),
    "GetVariable": (
        0,
        (
            ("key", "str"),
            ("type", "Literal['GetVariable']", "GetVariable"),
        ),
    ),
    "GetVariableKeys": (
        0,
        (
            ("prefix", "str | None", None),
            ("limit", "int", 1000),
            ("offset", "int", 0),
            ("type", "Literal['GetVariableKeys']", "GetVariableKeys"),
        ),
    ),
    "GetXCom": (
        0,
        (
            ("previous_iteration", "bool", False, 1),
            ("key", "str"),
            ("dag_id", "str"),
            ("run_id", "str"),
            ("task_id", "str"),
            ("map_index", "int | None", None),
            ("include_prior_dates", "bool", False),
            ("type", "Literal['GetXCom']", "GetXCom"),
        ),
    ),
    "GetXComCount": (
        0,
        (
            ("previous_iteration", "bool", False, 1),
            ("key", "str"),
            ("dag_id", "str"),
            ("run_id", "str"),
            ("task_id", "str"),
            ("type", "Literal['GetXComCount']", "GetXComCount"),
        ),
    ),
    "GetXComSequenceItem": (
        0,
        (
            ("previous_iteration", "bool", False, 1),
            ("key", "str"),
            ("dag_id", "str"),
            ("run_id", "str"),
            ("task_id", "str"),
            ("offset", "int"),
            ("type", "Literal['GetXComSequenceItem']", "GetXComSequenceItem"),
        ),
    ),
    "GetXComSequenceSlice": (
        0,
        (
            ("previous_iteration", "bool", False, 1),
            ("key", "str"),
            ("dag_id", "str"),
            ("run_id", "str"),
            ("task_id", "str"),
            ("start", "int | None"),
            ("stop", "int | None"),
            ("step", "int | None"),
            ("include_prior_dates", "bool", False),
            ("type", "Literal['GetXComSequenceSlice']", "GetXComSequenceSlice"),
        ),
    ),
    "HITLDetailRequestResult": (
        0,
        (
            ("ti_id", "Uuid"),
            ("options", "list[str] not empty"),
            ("subject", "str"),
            ("body", "str | None", None),
            ("defaults", "list[str] | None", None),
            ("multiple", "bool | None", False),
            ("params", "dict[str, Any] | None", None),
            ("assigned_users", "list[HITLUser] | None", None),
            ("type", "Literal['HITLDetailRequestResult']", "HITLDetailRequestResult"),
        ),
    ),
    "HITLUser": (
        0,
        (
            ("id", "str"),
            ("name", "str"),
        ),
    ),
    "InactiveAssetsResult": (
        0,
        (
            ("inactive_assets", "list[AssetProfile] | None", None),
            ("type", "Literal['InactiveAssetsResult']", "InactiveAssetsResult"),
        ),
    ),
    "LazyDeserializedDAG": (
        0,
        (
            ("data", "dict[str, Any]"),
            ("last_loaded", "datetime | None", None),
        ),
    ),
    "LoopContext": (
        1,
        (
            ("node_id", "str"),
            ("index", "int >= 0"),
            ("max_iterations", "int > 0"),
            ("terminal_task_id", "str"),
            ("terminal_is_mapped", "bool"),
        ),
    ),
    "LoopDecisionPayload": (
        1,
        (
            ("stop", "bool"),
            ("reason", "str | None", None),
        ),
    ),
    "MaskSecret": (
        0,
        (
            ("value", "JsonValue"),
            ("name", "str | None", None),
            ("type", "Literal['MaskSecret']", "MaskSecret"),
        ),
    ),
    "OKResponse": (
        0,
        (
            ("ok", "bool"),
            ("type", "Literal['OKResponse']", "OKResponse"),
        ),
    ),
    "PrevSuccessfulDagRunResult": (
        0,
        (
            ("data_interval_start", "datetime | None", None),
            ("data_interval_end", "datetime | None", None),
            ("start_date", "datetime | None", None),
            ("end_date", "datetime | None", None),
            ("type", "Literal['PrevSuccessfulDagRunResult']", "PrevSuccessfulDagRunResult"),
        ),
    ),
    "PreviousDagRunResult": (
        0,
        (
            ("dag_run", "DagRun | None", None),
            ("type", "Literal['PreviousDagRunResult']", "PreviousDagRunResult"),
        ),
    ),
    "PreviousTIResponse": (
        0,
        (
            ("task_id", "str"),
            ("dag_id", "str"),
            ("run_id", "str"),
            ("logical_date", "datetime | None", None),
            ("start_date", "datetime | None", None),
            ("end_date", "datetime | None", None),
            ("state", "str | None", None),
            ("try_number", "int"),
            ("map_index", "int | None", -1),
            ("region_id", "Uuid | None", None, 1),
            ("region_index", "int | None", None, 1),
            ("duration", "float | None", None),
        ),
    ),
    "PreviousTIResult": (
        0,
        (
            ("task_instance", "PreviousTIResponse | None", None),
            ("type", "Literal['PreviousTIResult']", "PreviousTIResult"),
        ),
    ),
    "PutVariable": (
        0,
        (
            ("key", "str"),
            ("value", "str | None"),
            ("description", "str | None"),
            ("type", "Literal['PutVariable']", "PutVariable"),
        ),
    ),
    "RescheduleTask": (
        0,
        (
            ("state", "Literal['up_for_reschedule']", "up_for_reschedule"),
            ("reschedule_date", "datetime"),
            ("end_date", "datetime"),
            ("type", "Literal['RescheduleTask']", "RescheduleTask"),
        ),
    ),
    "ResendLoggingFD": (0, (("type", "Literal['ResendLoggingFD']", "ResendLoggingFD"),)),
    "RetryTask": (
        0,
        (
            ("state", "Literal['up_for_retry']", "up_for_retry"),
            ("end_date", "datetime"),
            ("rendered_map_index", "str | None", None),
            ("retry_delay_seconds", "float | None", None),
            ("retry_reason", "str | None", None),
            ("type", "Literal['RetryTask']", "RetryTask"),
        ),
    ),
    "SentFDs": (
        0,
        (
            ("type", "Literal['SentFDs']", "SentFDs"),
            ("fds", "list[int]"),
        ),
    ),
    "SetAssetStateStoreByName": (
        0,
        (
            ("name", "str"),
            ("key", "str"),
            ("value", "JsonValue"),
            ("type", "Literal['SetAssetStateStoreByName']", "SetAssetStateStoreByName"),
        ),
    ),
    "SetAssetStateStoreByUri": (
        0,
        (
            ("uri", "str"),
            ("key", "str"),
            ("value", "JsonValue"),
            ("type", "Literal['SetAssetStateStoreByUri']", "SetAssetStateStoreByUri"),
        ),
    ),
    "SetExecutionTimeout": (
        1,
        (
            ("timeout_seconds", "float > 0"),
            ("type", "Literal['SetExecutionTimeout']", "SetExecutionTimeout"),
        ),
    ),
    "SetRenderedFields": (
        0,
        (
            ("rendered_fields", "dict[str, JsonValue]"),
            ("type", "Literal['SetRenderedFields']", "SetRenderedFields"),
        ),
    ),
    "SetRenderedMapIndex": (
        0,
        (
            ("rendered_map_index", "str"),
            ("type", "Literal['SetRenderedMapIndex']", "SetRenderedMapIndex"),
        ),
    ),
    "SetTaskStateStore": (
        0,
        (
            ("ti_id", "Uuid"),
            ("key", "str"),
            ("value", "JsonValue"),
            ("expires_at", "datetime | None"),
            ("type", "Literal['SetTaskStateStore']", "SetTaskStateStore"),
        ),
    ),
    "SetXCom": (
        0,
        (
            ("key", "str"),
            ("value", "JsonValue"),
            ("dag_id", "str"),
            ("run_id", "str"),
            ("task_id", "str"),
            ("map_index", "int | None", None),
            ("dag_result", "bool", False),
            ("mapped_length", "int | None", None),
            ("type", "Literal['SetXCom']", "SetXCom"),
        ),
    ),
    "SkipDownstreamTasks": (
        0,
        (
            ("tasks", "list[str | tuple[str, int]]"),
            ("type", "Literal['SkipDownstreamTasks']", "SkipDownstreamTasks"),
        ),
    ),
    "StartupDetails": (
        0,
        (
            ("ti", "TaskInstance"),
            ("dag_rel_path", "str"),
            ("bundle_info", "BundleInfo"),
            ("start_date", "datetime"),
            ("ti_context", "TIRunContext"),
            ("sentry_integration", "str"),
            ("type", "Literal['StartupDetails']", "StartupDetails"),
        ),
    ),
    "SucceedTask": (
        0,
        (
            ("state", "Literal['success']", "success"),
            ("end_date", "datetime"),
            ("task_outlets", "list[AssetProfile] | None", None),
            ("outlet_events", "list[dict[str, Any]] | None", None),
            ("rendered_map_index", "str | None", None),
            ("loop_decision", "LoopDecisionPayload | None", None, 1),
            ("type", "Literal['SucceedTask']", "SucceedTask"),
        ),
    ),
    "TICount": (
        0,
        (
            ("count", "int"),
            ("type", "Literal['TICount']", "TICount"),
        ),
    ),
    "TaskBreadcrumbsResult": (
        0,
        (
            ("breadcrumbs", "list[dict[str, Any]]"),
            ("type", "Literal['TaskBreadcrumbsResult']", "TaskBreadcrumbsResult"),
        ),
    ),
    "TaskCallbackRequest": (
        0,
        (
            ("filepath", "str"),
            ("bundle_name", "str"),
            ("bundle_version", "str | None"),
            ("version_data", "dict[str, Any] | None", None, 1),
            ("msg", "str | None", None),
            ("ti", "TaskInstance"),
            ("task_callback_type", "TaskInstanceState | None", None),
            ("context_from_server", "TIRunContext | None", None),
            ("type", "Literal['TaskCallbackRequest']", "TaskCallbackRequest"),
        ),
    ),
    "TaskRescheduleStartDate": (
        0,
        (
            ("start_date", "datetime | None"),
            ("type", "Literal['TaskRescheduleStartDate']", "TaskRescheduleStartDate"),
        ),
    ),
    "TaskState": (
        0,
        (
            ("state", "Literal['failed', 'skipped', 'removed']"),
            ("end_date", "datetime | None", None),
            ("type", "Literal['TaskState']", "TaskState"),
            ("rendered_map_index", "str | None", None),
            ("retry_reason", "str | None", None, 1),
            ("loop_decision", "LoopDecisionPayload | None", None, 1),
        ),
    ),
    "TaskStateStoreResult": (
        0,
        (
            ("value", "JsonValue"),
            ("type", "Literal['TaskStateStoreResult']", "TaskStateStoreResult"),
        ),
    ),
    "TaskStatesResult": (
        0,
        (
            ("task_states", "dict[str, Any]"),
            ("type", "Literal['TaskStatesResult']", "TaskStatesResult"),
        ),
    ),
    "TriggerDagRun": (
        0,
        (
            ("logical_date", "datetime | None", None),
            ("run_after", "datetime | None", None),
            ("conf", "dict[str, Any] | None", None),
            ("reset_dag_run", "bool | None", False),
            ("partition_key", "str | None", None),
            ("note", "str | None", None),
            ("dag_id", "str"),
            ("run_id", "str"),
            ("type", "Literal['TriggerDagRun']", "TriggerDagRun"),
        ),
    ),
    "UpdateDagRunNote": (
        1,
        (
            ("ti_id", "Uuid"),
            ("note", "str | None"),
            ("type", "Literal['UpdateDagRunNote']", "UpdateDagRunNote"),
        ),
    ),
    "UpdateHITLDetail": (
        0,
        (
            ("ti_id", "Uuid"),
            ("chosen_options", "list[str] not empty"),
            ("params_input", "dict[str, Any] | None", None),
            ("type", "Literal['UpdateHITLDetail']", "UpdateHITLDetail"),
        ),
    ),
    "ValidateInletsAndOutlets": (
        0,
        (
            ("ti_id", "Uuid"),
            ("type", "Literal['ValidateInletsAndOutlets']", "ValidateInletsAndOutlets"),
        ),
    ),
    "VariableKeysResult": (
        0,
        (
            ("keys", "list[str]"),
            ("total_entries", "int"),
            ("type", "Literal['VariableKeysResult']", "VariableKeysResult"),
        ),
    ),
    "VariableResponse": (
        0,
        (
            ("key", "str"),
            ("value", "str | None"),
        ),
    ),
    "VariableResult": (
        0,
        (
            ("key", "str"),
            ("value", "str | None"),
            ("type", "Literal['VariableResult']", "VariableResult"),
        ),
    ),
    "XComCountResponse": (
        0,
        (
            ("len", "int"),
            ("type", "Literal['XComCountResponse']", "XComCountResponse"),
        ),
    ),
    "XComResult": (
        0,
        (
            ("key", "str"),
            ("value", "JsonValue"),
            ("type", "Literal['XComResult']", "XComResult"),
        ),
    ),
    "XComSequenceIndexResult": (
        0,
        (
            ("root", "JsonValue"),
            ("type", "Literal['XComSequenceIndexResult']", "XComSequenceIndexResult"),
        ),
    ),
    "XComSequenceSliceResult": (
        0,
        (
            ("root", "list[JsonValue]"),
            ("type", "Literal['XComSequenceSliceResult']", "XComSequenceSliceResult"),
        ),
    ),
    "LiteralArgBinding": (
        1,
        (
            ("name", "str"),
            ("value_schema", "dict[str, JsonValue] | None", None),
            ("kind", "Literal['literal']"),
            ("value", "JsonValue", None),
            ("from_default", "bool", False),
        ),
    ),
    "XComArgBinding": (
        1,
        (
            ("name", "str"),
            ("value_schema", "dict[str, JsonValue] | None", None),
            ("kind", "Literal['xcom']"),
            ("task_id", "str"),
        ),
    ),
    "AssetEventDagRunReference": (
        0,
        (
            ("asset", "AssetReferenceAssetEventDagRun"),
            ("extra", "dict[str, JsonValue]"),
            ("source_task_id", "str | None"),
            ("source_dag_id", "str | None"),
            ("source_run_id", "str | None"),
            ("source_map_index", "int | None"),
            ("source_aliases", "list[AssetAliasReferenceAssetEventDagRun]"),
            ("timestamp", "datetime"),
            ("partition_key", "str | None", None),
        ),
    ),
    "AssetReferenceAssetEventDagRun": (
        0,
        (
            ("name", "str"),
            ("uri", "str"),
            ("extra", "dict[str, JsonValue]"),
        ),
    ),
    "DagRun": (
        0,
        (
            ("dag_id", "str"),
            ("run_id", "str"),
            ("logical_date", "datetime | None"),
            ("data_interval_start", "datetime | None"),
            ("data_interval_end", "datetime | None"),
            ("run_after", "datetime"),
            ("start_date", "datetime | None"),
            ("end_date", "datetime | None"),
            ("clear_number", "int", 0),
            ("run_type", "DagRunType"),
            ("state", "DagRunState"),
            ("conf", "dict[str, Any] | None", None),
            ("triggering_user_name", "str | None", None),
            ("consumed_asset_events", "list[AssetEventDagRunReference]"),
            ("partition_key", "str | None"),
            ("partition_date", "datetime | None", None),
            ("note", "str | None", None),
            ("team_name", "str | None", None),
        ),
    ),
    "TIRunContext": (
        0,
        (
            ("dag_run", "DagRun"),
            ("loop", "LoopContext | None", None, 1),
            ("task_reschedule_count", "int", 0),
            ("first_task_reschedule_start_date", "datetime | None", None, 1),
            ("max_tries", "int"),
            ("variables", "list[VariableResponse]", ...),
            ("connections", "list[ConnectionResponse]", ...),
            ("next_method", "str | None", None),
            ("next_kwargs", "dict[str, Any] | str | None", None),
            ("xcom_keys_to_clear", "list[str]", ...),
            ("should_retry", "bool", False),
            ("start_date", "datetime | None", None),
            ("arg_bindings", "list[XComArgBinding | LiteralArgBinding] | None", None, 1),
            ("multi_team", "bool", False, 1),
        ),
    ),
    "TaskInstance": (
        0,
        (
            ("id", "Uuid"),
            ("task_id", "str"),
            ("dag_id", "str"),
            ("run_id", "str"),
            ("try_number", "int"),
            ("dag_version_id", "Uuid"),
            ("map_index", "int", -1),
            ("region_id", "Uuid", ..., 1),
            ("region_index", "int", ..., 1),
            ("hostname", "str | None", None),
            ("context_carrier", "dict[str, Any] | None", None),
            ("queue", "str", "default"),
        ),
    ),
}

_schema = Schema(
    __name__,
    versions=SCHEMA_VERSIONS,
    structs=_STRUCTS,
    enums=_ENUMS,
    unions=_UNIONS,
    aliases=("JsonValue", "ArgValueSchema"),
)
from_body = _schema.from_body


def __getattr__(name: str) -> object:
    value = globals()[name] = _schema(name)
    return value
