-- Guests of a support chat (PAGE_GUESTS): whom they may reach, and how long their accounts last. For Prosody 0.12
-- and 13, in a VirtualHost of their own.
--
--   guests_may_reach = { "support@example.org", "rooms.example.org" } -- bare JIDs, or whole domains
--   guests_forget_after = 3600 -- seconds after the last session; default an hour
--
-- Guests get answers from everybody, but send only to these addresses, and queries to themselves and their host.
-- They change nothing that the server keeps: no password, roster, blocklist, PEP nodes or private data. They take no
-- part in presence subscriptions, which the server would store for them and for the agents. To accounts without a
-- session, all guests together send at most 1 MB an hour, because the server may keep it.
-- A service account (mod_service_account) is no guest, and stays.

local usermanager = require "core.usermanager";
local jid_prepped_split = require "util.jid".prepped_split;
local st = require "util.stanza";

local host = module.host;
local sessions = prosody.hosts[host].sessions;
local reachable, kept, forget_after = {}, {}, 3600;
local most_directed = 100; -- presences to addresses, of a session
local most_kept = 1000000; -- bytes
local kept_seconds = 3600;

local function read_options()
	reachable, kept = {}, {};
	forget_after = module:get_option_number("guests_forget_after", 3600);
	for entry in module:get_option_set("guests_may_reach", {}) do
		local name, domain, resource = jid_prepped_split(type(entry) == "string" and entry or "");
		if not domain or resource then module:log("error", "guests_may_reach: %q is no bare JID or domain", tostring(entry));
		else reachable[name and name.."@"..domain or domain] = true; end
	end
	for entry in module:get_option_set("service_accounts", {}) do
		local name, domain = jid_prepped_split(type(entry) == "string" and entry or "");
		if name and domain == host then kept[name] = true; end
	end
end

read_options();
module:hook_global("config-reloaded", read_options);

-- Queries of type "set" to the own account and host after which the server stores nothing.
local harmless = {
	["urn:ietf:params:xml:ns:xmpp-session"] = true;
	["urn:xmpp:carbons:2"] = true;
	["urn:xmpp:mam:2"] = true; -- a query of the archive has this type
};

local function is_harmless(stanza)
	if stanza.name ~= "iq" or stanza.attr.type ~= "set" then return true; end
	local child = stanza.tags[1];
	return child ~= nil and harmless[child.attr.xmlns] == true and child.name ~= "prefs";
end

-- The server remembers to whom a session has sent presence.
local function may_direct(origin, to)
	local count = 0;
	for jid in pairs(origin.directed or {}) do
		if jid == to then return true; end
		count = count + 1;
	end
	return count < most_directed;
end

local kept_since, kept_bytes = 0, 0;

local function may_keep(name, domain, stanza)
	local theirs = prosody.hosts[domain];
	if not theirs or theirs.type ~= "local" or theirs.sessions[name] then return true; end
	local now = os.time();
	if now - kept_since > kept_seconds then kept_since, kept_bytes = now, 0; end
	local bytes = kept_bytes + #tostring(stanza);
	if bytes > most_kept then return false; end
	kept_bytes = bytes;
	return true;
end

local function may_send(origin, stanza)
	local kind = stanza.attr.type;
	if stanza.name == "presence" and kind and kind:find("subscribe", 1, true) then return false; end
	local to = stanza.attr.to;
	-- To the own account, which would keep messages.
	if not to then return stanza.name ~= "message" and is_harmless(stanza); end
	local name, domain, resource = jid_prepped_split(to);
	if not domain then return false; end
	if reachable[domain] or name and reachable[name.."@"..domain] then
		if stanza.name == "presence" then return kind ~= nil or may_direct(origin, to); end
		return stanza.name == "iq" or not name or may_keep(name, domain, stanza);
	end
	if domain ~= host or stanza.name == "message" then return false; end
	if name then return name == origin.username and (resource ~= nil or is_harmless(stanza)); end
	return stanza.name == "iq" and is_harmless(stanza);
end

local function check(event)
	local origin, stanza = event.origin, event.stanza;
	if origin.type ~= "c2s" or may_send(origin, stanza) then return; end
	local kind = stanza.attr.type;
	if stanza.name ~= "presence" and kind ~= "error" and kind ~= "result" then
		origin.send(st.error_reply(stanza, "cancel", "not-allowed", "Guests cannot reach this address at the moment, or change this."));
	end
	return true;
end

for _, name in ipairs { "message", "iq", "presence" } do
	for _, kind in ipairs { "full", "bare", "host" } do
		module:hook("pre-"..name.."/"..kind, check, 1000);
	end
end

local timers = {};

-- Each account that has no session for `forget_after` is deleted, with all its data. A later login or end starts the
-- time again.
local function forget_later(name)
	if kept[name] then return; end
	if timers[name] then timers[name]:stop(); end
	timers[name] = module:add_timer(forget_after, function ()
		timers[name] = nil;
		local user = sessions[name];
		if user and next(user.sessions) or kept[name] then return; end
		if not usermanager.get_provider(host).user_exists(name) then return; end
		local ok, err = usermanager.delete_user(name, host);
		if not ok then module:log("error", "The guest %s was not deleted: %s", name, err); end
	end);
end

-- Also for a login without a session.
module:hook("authentication-success", function (event) forget_later(event.session.username); end);

module:hook("resource-unbind", function (event)
	local name = event.session.username;
	local user = sessions[name];
	if not (user and next(user.sessions)) then forget_later(name); end
end);

-- Accounts from before a restart.
module:hook_global("server-started", function ()
	local iterator, all, first = usermanager.users(host);
	if not iterator then return; end
	for name in iterator, all, first do
		if not sessions[name] then forget_later(name); end
	end
end);
