"""The properties that can be asked for by FieldURI: their order in an item and the schema that first had them.

Orders are those of the sequences in Microsoft's schema (types.xsd); which version brought what: `spec/exchange.md`, part A.
"""

from exchange_simulator.versions import Schema

EXTENDED = "extended"
"""Stands in an order where the ExtendedProperty elements go."""

ITEM: tuple[str, ...] = (
    *[
        "item:MimeContent",
        "item:ItemId",
        "item:ParentFolderId",
        "item:ItemClass",
        "item:Subject",
        "item:Sensitivity",
        "item:Body",
        "item:Attachments",
        "item:DateTimeReceived",
        "item:Size",
        "item:Categories",
        "item:Importance",
        "item:InReplyTo",
        "item:IsSubmitted",
        "item:IsDraft",
        "item:IsFromMe",
        "item:IsResend",
        "item:IsUnmodified",
        "item:InternetMessageHeaders",
        "item:DateTimeSent",
        "item:DateTimeCreated",
        "item:ResponseObjects",
        "item:ReminderDueBy",
        "item:ReminderIsSet",
        "item:ReminderNextTime",
        "item:ReminderMinutesBeforeStart",
        "item:DisplayCc",
        "item:DisplayTo",
        "item:DisplayBcc",
        "item:HasAttachments",
    ],
    EXTENDED,
    *[
        "item:Culture",
        "item:EffectiveRights",
        "item:LastModifiedName",
        "item:LastModifiedTime",
        "item:IsAssociated",
        "item:WebClientReadFormQueryString",
        "item:WebClientEditFormQueryString",
        "item:ConversationId",
        "item:UniqueBody",
        "item:Flag",
        "item:StoreEntryId",
        "item:InstanceKey",
        "item:NormalizedBody",
        "item:EntityExtractionResult",
        "item:PolicyTag",
        "item:ArchiveTag",
        "item:RetentionDate",
        "item:Preview",
        "item:RightsManagementLicenseData",
        "item:PredictedActionReasons",
        "item:IsClutter",
        "item:BlockStatus",
        "item:HasBlockedImages",
        "item:TextBody",
        "item:IconIndex",
        "item:MimeContentUTF8",
        "item:Mentions",
        "item:MentionedMe",
        "item:MentionsPreview",
        "item:MentionsEx",
        "item:Hashtags",
        "item:AppliedHashtags",
        "item:AppliedHashtagsPreview",
        "item:Likes",
        "item:LikesPreview",
        "item:PendingSocialActivityTagIds",
        "item:AtAllMention",
        "item:CanDelete",
        "item:InferenceClassification",
        "item:FirstBody",
    ],
)
MESSAGE: tuple[str, ...] = (
    "message:Sender",
    "message:ToRecipients",
    "message:CcRecipients",
    "message:BccRecipients",
    "message:IsReadReceiptRequested",
    "message:IsDeliveryReceiptRequested",
    "message:ConversationIndex",
    "message:ConversationTopic",
    "message:From",
    "message:InternetMessageId",
    "message:IsRead",
    "message:IsResponseRequested",
    "message:References",
    "message:ReplyTo",
    "message:ReceivedBy",
    "message:ReceivedRepresenting",
    "message:ApprovalRequestData",
    "message:VotingInformation",
    "message:ReminderMessageData",
    "message:MessageSafety",
    "message:PublishedCalendarItemIcs",
    "message:PublishedCalendarItemName",
)
POST: tuple[str, ...] = (
    "message:ConversationIndex",
    "message:ConversationTopic",
    "message:From",
    "message:InternetMessageId",
    "message:IsRead",
    "postitem:PostedTime",
    "message:References",
    "message:Sender",
)
MEETING: tuple[str, ...] = (
    "meeting:AssociatedCalendarItemId",
    "meeting:IsDelegated",
    "meeting:IsOutOfDate",
    "meeting:HasBeenProcessed",
    "meeting:ResponseType",
    "calendar:UID",
    "calendar:RecurrenceId",
    "calendar:DateTimeStamp",
    "calendar:IsOrganizer",
)
MEETING_REQUEST: tuple[str, ...] = (
    "meetingRequest:MeetingRequestType",
    "meetingRequest:IntendedFreeBusyStatus",
    "calendar:Start",
    "calendar:End",
    "calendar:Location",
    "calendar:IsMeeting",
    "calendar:IsRecurring",
    "calendar:Organizer",
    "calendar:Recurrence",
)
MEETING_ANSWER: tuple[str, ...] = (
    "calendar:Start",
    "calendar:End",
    "calendar:Location",
    "calendar:Recurrence",
)
"""What responses and cancellations say of the meeting, since 2013."""
CONTACT: tuple[str, ...] = ("contacts:FileAs", "contacts:DisplayName")
TASK: tuple[str, ...] = ("task:IsComplete", "task:PercentComplete", "task:Status")

ORDERS: dict[str, tuple[str, ...]] = {
    "Item": ITEM,
    "Message": ITEM + MESSAGE,
    "MeetingRequest": ITEM + MESSAGE + MEETING + MEETING_REQUEST,
    "MeetingMessage": ITEM + MESSAGE + MEETING,
    "MeetingResponse": ITEM + MESSAGE + MEETING + MEETING_ANSWER,
    "MeetingCancellation": ITEM + MESSAGE + MEETING + MEETING_ANSWER,
    "PostItem": ITEM + POST,
    "Contact": ITEM + CONTACT,
    "CalendarItem": ITEM,
    "Task": ITEM + TASK,
    "DistributionList": ITEM,
}
"""The properties of each element that stands for an item, in the order of the schema."""

_SINCE_2013 = frozenset(
    [
        "item:ReminderNextTime",
        "item:DisplayBcc",
        "item:Flag",
        "item:InstanceKey",
        "item:NormalizedBody",
        "item:EntityExtractionResult",
        "item:PolicyTag",
        "item:ArchiveTag",
        "item:RetentionDate",
        "item:Preview",
        "item:RightsManagementLicenseData",
        "item:PredictedActionReasons",
        "item:IsClutter",
        "item:BlockStatus",
        "item:HasBlockedImages",
        "item:TextBody",
        "item:IconIndex",
        "message:ApprovalRequestData",
        "message:VotingInformation",
        "message:ReminderMessageData",
        "calendar:IsOrganizer",
        "calendar:StartWallClock",
        "calendar:EndWallClock",
        "calendar:StartTimeZoneId",
        "calendar:EndTimeZoneId",
        "calendar:EnhancedLocation",
        "calendar:JoinOnlineMeetingUrl",
        "calendar:OnlineMeetingSettings",
        "meetingRequest:ChangeHighlights",
        "meeting:ProposedStart",
        "meeting:ProposedEnd",
        "folder:DistinguishedFolderId",
        "folder:PolicyTag",
        "folder:ArchiveTag",
        "folder:ReplicaList",
    ]
)
_SINCE_2016 = frozenset(
    [
        "item:MimeContentUTF8",
        "item:Mentions",
        "item:MentionedMe",
        "item:MentionsPreview",
        "item:MentionsEx",
        "item:Hashtags",
        "item:AppliedHashtags",
        "item:AppliedHashtagsPreview",
        "item:Likes",
        "item:LikesPreview",
        "item:PendingSocialActivityTagIds",
        "item:AtAllMention",
        "item:CanDelete",
        "item:InferenceClassification",
        "item:FirstBody",
        "message:MessageSafety",
        "message:PublishedCalendarItemIcs",
        "message:PublishedCalendarItemName",
        "calendar:InboxReminders",
        "calendar:CalendarActivityData",
    ]
)
FOLDER: tuple[str, ...] = (
    "folder:FolderId",
    "folder:ParentFolderId",
    "folder:FolderClass",
    "folder:DisplayName",
    "folder:TotalCount",
    "folder:ChildFolderCount",
    EXTENDED,
    "folder:ManagedFolderInformation",
    "folder:EffectiveRights",
    "folder:DistinguishedFolderId",
    "folder:PolicyTag",
    "folder:ArchiveTag",
    "folder:ReplicaList",
    "folder:SharingEffectiveRights",
    "folder:PermissionSet",
    "folder:UnreadCount",
    "folder:SearchParameters",
)

ITEM_DEFAULT = frozenset(
    [
        "item:ItemId",
        "item:Subject",
        "item:Sensitivity",
        "item:Body",
        "item:Attachments",
        "item:Size",
        "item:HasAttachments",
        "item:DateTimeSent",
        "item:DateTimeCreated",
        "item:ResponseObjects",
        "message:Sender",
        "message:ToRecipients",
        "message:CcRecipients",
        "message:BccRecipients",
        "message:IsReadReceiptRequested",
        "message:IsDeliveryReceiptRequested",
        "message:From",
        "message:IsRead",
        "message:IsResponseRequested",
        "calendar:Start",
        "calendar:End",
        "calendar:Location",
    ]
)
"""What BaseShape=Default brings of a message."""
MUST_BE_NAMED = frozenset(
    [
        "item:MimeContent",
        "item:UniqueBody",
        "item:NormalizedBody",
        "item:TextBody",
        "item:MimeContentUTF8",
        "item:InstanceKey",
        "item:StoreEntryId",
        "item:Preview",
        "item:Flag",
        "item:PolicyTag",
        "item:ArchiveTag",
        "item:RightsManagementLicenseData",
    ]
)
"""What AllProperties leaves out."""
NOT_IN_LISTS = frozenset(
    [
        "item:Body",
        "item:Attachments",
        "item:MimeContent",
        "item:UniqueBody",
        "item:NormalizedBody",
        "item:TextBody",
        "item:InternetMessageHeaders",
        "item:MimeContentUTF8",
        "item:ResponseObjects",
        "message:ToRecipients",
        "message:CcRecipients",
        "message:BccRecipients",
        "message:ReplyTo",
    ]
)
"""What FindItem and SyncFolderItems cannot answer: GetItem is needed."""
FOLDER_DEFAULT = frozenset(
    (
        "folder:FolderId",
        "folder:DisplayName",
        "folder:TotalCount",
        "folder:ChildFolderCount",
        "folder:UnreadCount",
    )
)

_CHECKED = frozenset((*ITEM, *MESSAGE, *FOLDER)) - {EXTENDED}
_OTHER_KINDS = (
    "calendar:",
    "meeting:",
    "meetingRequest:",
    "task:",
    "contacts:",
    "postitem:",
    "distributionlist:",
)


def exists(uri: str, schema: Schema) -> bool:
    """Tell whether a schema has this FieldURI."""
    if uri in _SINCE_2016:
        return schema >= Schema.EXCHANGE_2016
    if uri in _SINCE_2013:
        return schema >= Schema.EXCHANGE_2013
    if uri.startswith(_OTHER_KINDS):
        return True
    return uri in _CHECKED or uri.startswith("conversation:")


def order(kind: str, schema: Schema) -> tuple[str, ...]:
    """Give all properties of a kind of item that a schema has, in its order."""
    return tuple(uri for uri in orders(schema)[kind] if uri != EXTENDED and exists(uri, schema))


def orders(schema: Schema) -> dict[str, tuple[str, ...]]:
    """Give the properties of each element in the order of a schema."""
    if schema >= Schema.EXCHANGE_2013:
        return ORDERS
    plain = ORDERS["MeetingMessage"]
    return ORDERS | {"MeetingResponse": plain, "MeetingCancellation": plain}
