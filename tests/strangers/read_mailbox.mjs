// Reads a whole mailbox with ews-javascript-api and prints what it read as one JSON object.
// Arguments: address of the endpoint, name, password, mailbox, version, "delegate" or "impersonation", "basic" or "ntlm".
import ews from "ews-javascript-api";
import { XhrApi } from "@ewsjs/xhr";

const [url, name, password, mailbox, version, access, scheme] = process.argv.slice(2);
ews.EwsLogging.DebugLogEnabled = false;

const service = new ews.ExchangeService(ews.ExchangeVersion[version]);
service.Credentials = new ews.WebCredentials(name, password);
if (scheme === "ntlm") {
  service.XHRApi = new XhrApi().useNtlmAuthentication(name, password);
}
service.Url = new ews.Uri(url);
if (access === "impersonation") {
  service.ImpersonatedUserId = new ews.ImpersonatedUserId(ews.ConnectingIdType.SmtpAddress, mailbox);
}
const owner = new ews.Mailbox(mailbox);
const at = (wellKnown) =>
  access === "impersonation"
    ? new ews.FolderId(wellKnown)
    : new ews.FolderId(wellKnown, owner);

const properties = new ews.PropertySet(ews.BasePropertySet.FirstClassProperties);
const withMime = new ews.PropertySet(ews.BasePropertySet.FirstClassProperties, ews.ItemSchema.MimeContent);

async function folders() {
  const found = [];
  const view = new ews.FolderView(100);
  view.Traversal = ews.FolderTraversal.Deep;
  const answer = await service.FindFolders(at(ews.WellKnownFolderName.MsgFolderRoot), view);
  for (const folder of answer.Folders) {
    found.push(folder);
  }
  return found;
}

async function synced(folder) {
  const ids = [];
  let state = null;
  for (;;) {
    const page = await service.SyncFolderItems(
      folder.Id, ews.PropertySet.IdOnly, null, 100, ews.SyncFolderItemsScope.NormalItems, state,
    );
    for (let i = 0; i < page.Count; i += 1) {
      ids.push(page._getItem(i).Item.Id);
    }
    state = page.SyncState;
    if (!page.MoreChangesAvailable) {
      return ids;
    }
  }
}

async function read(folder, id) {
  const item = await ews.Item.Bind(service, id, withMime);
  const attachments = [];
  if (item.HasAttachments) {
    for (let i = 0; i < item.Attachments.Count; i += 1) {
      const attachment = item.Attachments._getItem(i);
      // This client cannot load a message within a message: it looks into the item that it is about to load.
      if (!(attachment instanceof ews.ItemAttachment)) {
        await attachment.Load();
      }
      attachments.push({ name: attachment.Name, content: attachment.Base64Content ?? null });
    }
  }
  return {
    folder: folder.DisplayName,
    subject: item.Subject,
    messageId: item.InternetMessageId,
    body: item.Body?.Text ?? null,
    mime: item.MimeContent?.Content ?? item.MimeContent?.toString() ?? null,
    attachments,
  };
}

const result = { folders: [], messages: [], hierarchy: 0, found: 0 };
for (const folder of await folders()) {
  result.folders.push(folder.DisplayName);
  const found = await service.FindItems(folder.Id, new ews.ItemView(100));
  result.found += found.Items.length;
  for (const id of await synced(folder)) {
    result.messages.push(await read(folder, id));
  }
}
const hierarchy = await service.SyncFolderHierarchy(at(ews.WellKnownFolderName.MsgFolderRoot), properties, null);
result.hierarchy = hierarchy.Count;
console.log(JSON.stringify(result));
