-- Accounts that log in users of their host, without the users' passwords: SASL PLAIN or SCRAM with an authzid
-- (RFC 6120 §6.3.8). For Prosody 0.12 and 13, with or without mod_sasl2.
--
--   service_accounts = { "portal@example.org" } -- bare JIDs
--   service_accounts_as_admins = true           -- let them log in admins as well; default false
--   service_accounts_create = true              -- make accounts for users who have none; default false
--   service_accounts_reserved = { "boss" }      -- names that get no account, besides admins and those below
--   service_accounts_create_rate = 20           -- accounts a second: a stolen password must not fill the disk unseen
--
-- The host's own provider checks the account's own password. The link must be encrypted, or come from this machine.

local usermanager = require "core.usermanager";
local jid_prepped_split = require "util.jid".prepped_split;
local nodeprep = require "util.encodings".stringprep.nodeprep;
local ip = require "util.ip";
local random_bytes = require "util.random".bytes;
local to_hex = require "util.hex".to;
local throttle = require "util.throttle";

local host = module.host;
local refusal = "This account may not log in as that user.";

-- `accounts` has names of users of this host.
local accounts, any_account, as_admins, creates, reserved = {}, false, false, false, {};

-- Names of RFC 2142, and of admins.
local always_reserved = { "admin", "administrator", "root", "postmaster", "hostmaster", "webmaster", "abuse", "security" };

local creations; -- a throttle

local function read_options()
	accounts, any_account, reserved = {}, false, {};
	as_admins = module:get_option_boolean("service_accounts_as_admins", false);
	creates = module:get_option_boolean("service_accounts_create", false);
	creations = throttle.create(module:get_option_number("service_accounts_create_rate", 20), 1);
	for _, name in ipairs(always_reserved) do reserved[name] = true; end
	for name in module:get_option_set("service_accounts_reserved", {}) do
		local prepared = type(name) == "string" and nodeprep(name);
		if prepared then reserved[prepared] = true;
		else module:log("error", "service_accounts_reserved: %q is no name of a user", tostring(name)); end
	end
	for entry in module:get_option_set("service_accounts", {}) do
		local name, domain, resource = jid_prepped_split(type(entry) == "string" and entry or "");
		if not name or resource then
			module:log("error", "service_accounts: %q is no bare JID of a user", entry);
		elseif domain == host then
			accounts[name], any_account = true, true;
		end
	end
end

read_options();
module:hook_global("config-reloaded", read_options);

-- The authzid of a login's first message, or nil.
local function read_authzid(mechanism, message)
	if type(message) ~= "string" then return nil; end
	if mechanism == "PLAIN" then return message:match("^([^%z]+)%z"); end
	if not mechanism:find("^SCRAM%-") then return nil; end
	local name = message:match("^[pny]=?[^,]*,a=([^,]+),");
	return name and (name:gsub("=2[Cc]", ","):gsub("=3[Dd]", "="));
end

local function is_own(authzid, account)
	local name, domain = jid_prepped_split(authzid);
	return name == account and domain == host or nodeprep(authzid) == account;
end

local loopback = { { ip.new_ip("127.0.0.0"), 8 }, { ip.new_ip("::1"), 128 } };

local function is_loopback(text)
	local address = type(text) == "string" and ip.new_ip(text);
	if not address then return false; end
	for _, range in ipairs(loopback) do
		if ip.match(address, range[1], range[2]) then return true; end
	end
	return false;
end

-- Behind a proxy, `session.ip` is the address of the client, and `conn:ip()` the address of the proxy.
local function is_private(session)
	if session.secure then return true; end
	local conn = session.conn;
	return is_loopback(session.ip) and (not (conn and conn.ip) or is_loopback(conn:ip()));
end

local unimplemented = "method not implemented"; -- error of core.usermanager for a function that the provider lacks

local function is_enabled(name)
	local users = usermanager.get_provider(host);
	local enabled, err = users.is_enabled(name);
	if enabled ~= nil or err ~= unimplemented then return enabled; end
	local info, no_info = users.get_account_info(name);
	if info then return info.enabled ~= false; end
	return no_info == unimplemented;
end

local function is_admin_role(role)
	if role.name == "prosody:admin" or role.name == "prosody:operator" then return true; end
	for _, inherited in ipairs(role.inherits or {}) do
		if is_admin_role(inherited) then return true; end
	end
	return false;
end

-- True if the user is an admin at any host of the server, or if the user's roles cannot be read.
local function may_be_admin(name)
	local jid = name.."@"..host;
	if usermanager.get_user_role then -- Prosody 13
		local role = usermanager.get_user_role(name, host);
		local more = usermanager.get_user_secondary_roles(name, host);
		if not role or not more or is_admin_role(role) then return true; end
		for _, secondary in pairs(more) do
			if is_admin_role(secondary) then return true; end
		end
		for other in pairs(prosody.hosts) do
			local there = other ~= host and usermanager.get_jid_role(jid, other);
			if there and is_admin_role(there) then return true; end
		end
		return false;
	end
	local _, err = prosody.hosts[host].authz.get_user_roles(name);
	if err or usermanager.is_admin(jid, "*") then return true; end
	for other in pairs(prosody.hosts) do
		if usermanager.is_admin(jid, other) then return true; end
	end
	return false;
end

-- Returns true, or nil and the reason. The provider hashes the password, which nobody knows.
local function create_account(name)
	if reserved[name] then return nil, "there is no such user, and the name is reserved"; end
	if not creations:poll(1) then return nil, "too many accounts are made", "temporary-auth-failure"; end
	local ok, err = usermanager.create_user(name, to_hex(random_bytes(24)), host);
	if not ok then return nil, "no account can be made: "..tostring(err), "temporary-auth-failure"; end
	module:log("info", "Made an account for %s@%s", name, host);
	return true;
end

-- Returns the user to log in, or nil, the reason, and perhaps the condition for the client.
local function authorize(session, handler, account, authzid)
	if not accounts[account] then return nil, "the account is not in service_accounts"; end
	if not is_private(session) then return nil, "the connection is not encrypted"; end
	-- A token may have fewer rights than its account.
	if handler.role or handler.scope or handler.token_info then return nil, "the account did not show its password"; end
	local name, domain, resource = jid_prepped_split(authzid);
	-- Prosody prepares the name once more, and must get the name that is checked here.
	if not name or resource or nodeprep(name) ~= name then return nil, "the authzid is no bare JID of a user"; end
	if domain ~= host then return nil, "the user is of another host"; end
	-- Letters that Prosody replaces would make one user another: jeßica would become jessica.
	if authzid:lower() ~= name.."@"..host then return nil, "the authzid is not written as Prosody writes it"; end
	if accounts[name] then return nil, "the user is a service account"; end
	-- The function `user_exists` of usermanager also returns true for a deleted user with a session.
	local exists = usermanager.get_provider(host).user_exists(name);
	if not exists and not creates then return nil, "there is no such user"; end
	if exists and not is_enabled(name) then return nil, "the user is disabled"; end
	if not (exists and as_admins) and may_be_admin(name) then return nil, "the user is an admin"; end
	if not exists then
		local made, why, condition = create_account(name);
		if not made then return nil, why, condition; end
	end
	return name;
end

-- Changes the handler in place: other modules use the metatable and the fields of a handler.
local function extend(handler, session)
	local process, clean_clone, authzid, has_begun = handler.process, handler.clean_clone, nil, false;

	function handler:process(message)
		-- Only the first message of SCRAM has an authzid. In the second, Prosody accepts any text before the signed part.
		if not has_begun or self.selected == "PLAIN" then authzid = read_authzid(self.selected, message); end
		has_begun = true;
		local status, answer, text = process(self, message);
		if status ~= "success" or not authzid then return status, answer, text; end
		local account = self.username and nodeprep(self.username);
		if not account or is_own(authzid, account) then return status, answer, text; end
		local log = session.log or module._log;
		local name, why, condition = authorize(session, self, account, authzid);
		if not name then
			log("warn", "%s@%s may not log in as %q: %s", account, host, authzid:sub(1, 100), why);
			return "failure", condition or "invalid-authzid", refusal;
		end
		log("info", "Service account %s@%s logs in %s@%s", account, host, name, host);
		self.username, self.service_account, self.resource = name, account, nil;
		return status, answer, text;
	end

	function handler:clean_clone()
		return extend(clean_clone(self), session);
	end

	return handler;
end

local originals = {};

local function wrap(event)
	local provider = event.item;
	local original = rawget(provider, "get_sasl_handler");
	if not original or originals[provider] then return; end
	local function get_sasl_handler(session, ...)
		local handler = original(session, ...);
		local is_login = type(session) == "table" and session.type == "c2s_unauthed";
		if not (handler and is_login and any_account) then return handler; end
		return extend(handler, session);
	end
	originals[provider] = { original, get_sasl_handler };
	provider.get_sasl_handler = get_sasl_handler;
end

local function unwrap(event)
	local provider = event.item;
	local functions = originals[provider];
	originals[provider] = nil;
	if functions and provider.get_sasl_handler == functions[2] then provider.get_sasl_handler = functions[1]; end
end

module:handle_items("auth-provider", wrap, unwrap);

function module.unload()
	accounts, any_account, creates = {}, false, false; -- for handlers and wrapped providers that remain
	for provider in pairs(originals) do unwrap { item = provider }; end
end

-- A FAST token would log the user in later, without the account. Priority 80 is after mod_sasl2_sm, before
-- mod_sasl2_fast.
module:hook("sasl2/c2s/success", function (event)
	local handler = event.session.sasl_handler;
	if handler and handler.service_account then event.session.fast_token_request = nil; end
end, 80);

-- Nobody may register the name of a service account.
module:hook("user-registering", function (event)
	if not accounts[event.username] then return; end
	event.allowed, event.reason = false, "This name is reserved.";
	event.error_type, event.error_condition = "cancel", "not-allowed";
end);
