"""Run folders that `nas.search` is to go on in: damaged journals; and how long an evaluation may take."""

import os

from tests.helpers.bad_inputs import BadInput, Content

BEGIN = (
    b'{"op_code":0,"worker_id":"w","study_name":"search","directions":[2,1]}\n'
    b'{"op_code":3,"worker_id":"w","study_id":0,"system_attr":{"settings":{"seed":0}}}\n'
    b'{"op_code":4,"worker_id":"w","study_id":0,"datetime_start":"2026-01-01T00:00:00+00:00"}\n'
)
END = b'{"op_code":9,"worker_id":"w","trial_id":0,"system_attr":{"drawn":"start"}}\n'
OF_TRIAL = b'{"op_code":%d,"worker_id":"w","trial_id":0,%b}'
OF_STUDY = b'{"op_code":%d,"worker_id":"w","study_id":0,%b}'

LINES: dict[bytes, str] = {
    b"\0" * 512: "not JSON",
    b"\xff\xfe{\0": "not JSON",
    b'{"op_code":8,"worker_id":"w","trial': "not JSON",
    b"=======": "not JSON: .*=======",
    b">>>>>>> theirs": "not JSON: .*>>>>>>> theirs",
    b"garbage": "not JSON: .*garbage",
    b"5": "got 5",
    b'"text"': "got 'text'",
    b"[[]]": "got ",
    b"{}": "op_code: .*missing",
    b'{"op_code":11,"worker_id":"w"}': "op_code: .*11",
    b'{"op_code":-1,"worker_id":"w"}': "op_code: .*-1",
    b'{"op_code":true,"worker_id":"w"}': "op_code: .*True",
    b'{"op_code":4,"worker_id":"w","study_id":7,"datetime_start":null}': "no study 7",
    b'{"op_code":9,"worker_id":"w","trial_id":7,"system_attr":{"drawn":"start"}}': "no trial 7",
    b'{"op_code":0,"worker_id":"w","study_name":"x","directions":[]}': "directions",
    b'{"op_code":0,"worker_id":"w","study_name":"x"}': "directions is missing",
    b"[" * 100_000: "nested deeper than",
    b'{"x":' * 3_000 + b"1" + b"}" * 3_000: "nested deeper than",
    b'{"op_code":' + b"9" * 5_000 + b"}": "not JSON",
    b"x" * 9_000_000: "longer than 8,000,000 bytes",
    OF_STUDY % (3, b'"system_attr":{"settings":[1]}'): "settings",
    OF_STUDY % (2, b'"user_attr":{}'): "user_attr",
    OF_TRIAL % (9, b'"system_attr":{"rungs":7}'): "rungs",
    OF_TRIAL % (9, b'"system_attr":{"error":[]}'): "error",
    OF_TRIAL % (9, b'"system_attr":{"state":"asleep"}'): "state",
    OF_TRIAL % (9, b'"system_attr":{"drawn":3}'): "drawn",
    OF_TRIAL % (6, b'"state":9,"values":null'): "state",
    OF_TRIAL % (6, b'"state":1,"values":null'): "values",
    OF_TRIAL % (6, b'"state":1,"values":[1e999,1]'): "values",
    OF_TRIAL % (5, b'"param_name":"x","param_value_internal":0,"distribution":"[]"'): "distribution",
    OF_TRIAL % (5, b'"param_name":"x","param_value_internal":"0","distribution":"{}"'): "param_value_internal",
}


def journal(content: Content, says: str) -> BadInput:
    """A search that would go on in a folder with that journal."""
    arguments = ("search_space=tiny", "hydra.run.dir=run")
    return BadInput("search", arguments, files={"run/study.journal": content, "run/.lock": ""}, says=says)


ROWS = [
    *(
        journal(BEGIN + line + b"\n" + END, rf"study\.journal, line 4 is damaged: .*{says}")
        for line, says in LINES.items()
    ),
    journal(BEGIN.partition(b"\n")[2], r"study\.journal, line 1 is damaged: there is no study 0 .*restore"),
    journal(END, r"study\.journal, line 1 is damaged: there is no trial 0 .*begin anew"),
    journal(lambda path: path.mkdir(), r"study\.journal is no regular file; move it away"),
    journal(os.mkfifo, r"study\.journal is no regular file; move it away"),
    *(
        BadInput("search", (f"trial_time_limit={value}",), says=r"trial_time_limit: ")
        for value in ("0", "-5", "soon", "[60]", "nan", "inf")
    ),
]
