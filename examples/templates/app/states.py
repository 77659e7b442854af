"""Writes each state change as a line, like a function that keeps a table of them would."""
import json
import os


def handler(event, context):
    line = {"function": context.function_name, "level": os.environ["LEVEL"], "table": os.environ["TABLE"], "detail": event.get("detail", event)}
    with open(os.path.join(os.environ["OUT"], "states.jsonl"), "a") as out:
        out.write(json.dumps(line) + "\n")
    print("seen", event.get("id"))
    return {"seen": 1}
