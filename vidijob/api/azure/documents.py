"""The shapes of Azure Media Services v2: entities, their properties in the order of the pages, their links."""

from __future__ import annotations

from vidijob.odata.shapes import Model, shape

JOB = shape(
    "Job",
    "Id:String Name!:String Created:DateTime LastModified:DateTime EndTime:DateTime Priority!:Int32 "
    "RunningDuration:Double StartTime:DateTime State:Int32 TemplateId!:String "
    "JobNotificationSubscriptions!:[JobNotificationSubscription]",
    "Jobs", "Tasks:Task OutputMediaAssets:Asset InputMediaAssets:Asset",
)  # fmt: skip
TASK = shape(
    "Task",
    "Id:String Configuration!:String EndTime:DateTime ErrorDetails:[ErrorDetail] HistoricalEvents:[TaskHistoricalEvent] "
    "MediaProcessorId!:String Name!:String PerfMessage:String Priority!:Int32 Progress:Double RunningDuration:Double "
    "StartTime:DateTime State:Int32 TaskBody!:String Options!:Int32 EncryptionKeyId!:String EncryptionScheme!:String "
    "EncryptionVersion!:String InitializationVector!:String "
    "TaskNotificationSubscriptions?!:[TaskNotificationSubscription]",
    "Tasks", "OutputMediaAssets:Asset InputMediaAssets:Asset",
)  # fmt: skip
ASSET = shape(
    "Asset",
    "Id:String State:Int32 Created:DateTime LastModified:DateTime AlternateId!:String Name!:String Options!:Int32 "
    "FormatOption!:Int32 Uri:String StorageAccountName!:String",
    "Assets", "Files:AssetFile",
)  # fmt: skip
FILE = shape(
    "AssetFile",
    "Id:String Name!:String ContentFileSize!:Int64 ParentAssetId!:String EncryptionVersion!:String EncryptionScheme!:String "
    "IsEncrypted!:Boolean EncryptionKeyId!:String InitializationVector!:String IsPrimary!:Boolean LastModified:DateTime "
    "Created:DateTime MimeType!:String ContentChecksum!:String",
    "Files",
)  # fmt: skip
JOB_TEMPLATE = shape(
    "JobTemplate",
    "Id:String Name!:String Created:DateTime LastModified:DateTime JobTemplateBody!:String NumberofInputAssets:Int32 "
    "TemplateType!:Int32",
    "JobTemplates", "TaskTemplates:TaskTemplate",
)  # fmt: skip
TASK_TEMPLATE = shape(
    "TaskTemplate",
    "Id!:String Configuration!:String Created:DateTime Description!:String LastModified:DateTime MediaProcessorId!:String "
    "Name!:String NumberofInputAssets!:Int32 NumberofOutputAssets!:Int32 Options!:Int32 TaskTemplateBody!:String",
    "TaskTemplates",
)  # fmt: skip
ENDPOINT = shape(
    "NotificationEndPoint",
    "Id:String Name!:String Created:DateTime EndPointType!:Int32 EndPointAddress!:String CredentialType!:Int32 "
    "EncryptedEndPointCredential!:String ProtectionKeyType!:Int32 ProtectionKeyId!:String",
    "NotificationEndPoints",
)  # fmt: skip
PROCESSOR = shape(
    "MediaProcessor", "Id:String Description:String Name:String Sku:String Vendor:String Version:String",
    "MediaProcessors",
)  # fmt: skip
OPERATION = shape(
    "Operation", "Id:String State:String TargetEntityId:String ErrorCode:String ErrorMessage:String",
    "Operations",
)  # fmt: skip


MODEL = Model(
    namespace="Microsoft.Cloud.Media.Vod.Rest.Data.Models",
    container="MediaServicesContext",
    entities={
        one.set: one for one in (JOB, TASK, ASSET, FILE, JOB_TEMPLATE, TASK_TEMPLATE, ENDPOINT, PROCESSOR, OPERATION)
    },
    elements={
        one.name: one
        for one in (
            shape("JobNotificationSubscription", "TargetJobState!:Int32 NotificationEndPointId!:String"),
            shape(
                "TaskNotificationSubscription",
                "NotificationEndPointId!:String TargetTaskState!:Int32 IncludeTaskProgress!:Boolean",
            ),
            shape("TaskHistoricalEvent", "Code:String Message:String TimeStamp:DateTime"),
            shape("ErrorDetail", "Code:String Message:String"),
        )
    },
    functions={
        "CancelJob": ("jobid", "String", None),
        "GetProtectionKeyId": ("contentKeyType", "Int32", "String"),
        "GetProtectionKey": ("protectionKeyId", "String", "String"),
    },
)
