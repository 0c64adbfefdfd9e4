# Makes the calls that it reads, with the client in the folder that it is given, and prints what came of them.
import json
import sys
import traceback

sys.path.insert(0, sys.argv[1])
from warm_bindings import WarmBindings, WarmBindingsError  # noqa: E402

NAMES = {'endAll': 'end_all', 'endVisit': 'end_visit', 'timeoutSeconds': 'timeout_seconds', 'totalSeconds': 'total_seconds'}


def renamed(values):
    return {NAMES.get(name, name): value for name, value in values.items()}


about = json.load(sys.stdin)
warm = WarmBindings(about['url'], about['user'], about['secret'], **renamed(about['limits']))
outcomes = []
for name, *given in about['calls']:
    words = [each for each in given if isinstance(each, str)]
    named = {key: value for each in given if isinstance(each, dict) for key, value in each.items()}
    try:
        result = getattr(warm, NAMES.get(name, name))(*words, **named)
        outcomes.append({'result': list(result) if name == 'sessions' else result})
    except WarmBindingsError as error:
        told = {name: getattr(error, name) for name in ('code', 'detail', 'advice', 'retry', 'status', 'instance')}
        shown = traceback.format_exc() + repr(vars(error)) + repr(warm)
        outcomes.append({'error': {**told, 'retryAfter': error.retry_after}, 'shown': shown})
print(json.dumps(outcomes))
