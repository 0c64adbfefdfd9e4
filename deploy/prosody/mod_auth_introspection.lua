-- Logs users of Prosody 0.12 in with an access token (SASL OAUTHBEARER, RFC 7628). Prosody asks the OAuth server
-- whether the token is valid (token introspection, RFC 7662). "jid" in the answer must be the user who logs in.
--
--   authentication = "introspection"
--   introspection_url = "https://id.example.org/token/introspection"
--   introspection_client_id = "xmpp-server" -- Prosody's own account at the OAuth server
--   introspection_client_secret = "its-secret"
--   introspection_audience = "xmpp:example.org" -- audience of tokens; without this line, any audience is accepted

local wait_for = require "util.async".wait_for;
local base64 = require "util.encodings".base64.encode;
local encoded = require "util.http".urlencode;
local http = require "net.http";
local jid = require "util.jid";
local json = require "util.json";

local function option(name)
	return assert(module:get_option_string(name), name .. " is not set");
end

local url = option("introspection_url");
local audience = module:get_option_string("introspection_audience");
local account = encoded(option("introspection_client_id")) .. ":" .. encoded(option("introspection_client_secret"));

-- Returns the OAuth server's answer about the token, or nil. Prosody serves other users during the wait.
local function introspect(token)
	local response, problem = wait_for(http.request(url, {
		headers = {
			["Authorization"] = "Basic " .. base64(account);
			["Content-Type"] = "application/x-www-form-urlencoded";
			["Accept"] = "application/json";
		};
		body = "token=" .. encoded(token);
	}));
	local claims = response and response.code == 200 and json.decode(response.body);
	if type(claims) == "table" and type(claims.active) == "boolean" then
		return claims;
	end
	module:log("error", "No answer about a token from %s: %s", url, problem or response.code);
end

-- "aud" is one name or several (RFC 7519 section 4.1.3).
local function is_for_chat(aud)
	for _, each in ipairs(type(aud) == "table" and aud or { aud }) do
		if each == audience then return true; end
	end
	return audience == nil;
end

local handler = {};
handler.__index = handler;

local function new_handler()
	return setmetatable({}, handler);
end

handler.clean_clone = new_handler;

function handler:mechanisms()
	return { OAUTHBEARER = true };
end

function handler:select(mechanism)
	self.selected = mechanism == "OAUTHBEARER" and mechanism or nil;
	return self.selected ~= nil;
end

function handler:process(message)
	local user, token = (message or ""):match("^n,a=([^,]+),.-\1auth=Bearer ([^\1]+)\1");
	if not token then
		return "failure", "malformed-request";
	end
	user = jid.prep((user:gsub("=2C", ","):gsub("=3D", "=")));

	local claims = introspect(token);
	if not claims then
		return "failure", "temporary-auth-failure";
	elseif not claims.active or (tonumber(claims.exp) or math.huge) <= os.time() then
		return "failure", "credentials-expired";
	end
	if not is_for_chat(claims.aud) then
		return "failure", "not-authorized", "This token is for something else.";
	end
	local name, host = jid.prepped_split(tostring(claims.jid));
	if not name or host ~= module.host or jid.join(name, host) ~= user then
		return "failure", "not-authorized", "This is not a token of this user.";
	end
	self.username = name;
	return "success";
end

module:provides("auth", {
	get_sasl_handler = new_handler;
	-- Only the OAuth server knows the users, and it cannot be asked without a token.
	user_exists = function () return true; end;
});
