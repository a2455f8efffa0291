"""Description of the machine that an audit runs on, with all that affects rounding."""

import platform
from pathlib import Path

from data_gen.machine import processor
from reproduction.engine.provenance import provenance

# Vector instructions by which mathematical libraries select their code.
INSTRUCTIONS = ("avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "sve", "asimd")


def about_machine() -> dict:
    """Processor with family, model and vector instructions; system; versions of packages."""
    fields: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            fields.setdefault(name.strip(), value.strip())
    except OSError:
        pass
    number = ", ".join(
        f"{name} {fields[key]}"
        for name, key in (("family", "cpu family"), ("model", "model"), ("stepping", "stepping"))
        if key in fields
    )
    flags = (fields.get("flags") or fields.get("Features", "")).split()
    found = provenance()
    return {
        "processor": f"{processor()} ({number})" if number else processor(),
        "instructions": " ".join(name for name in INSTRUCTIONS if name in flags),
        "cores": found["cores"],
        "system": found["system"],
        "c_library": " ".join(platform.libc_ver()),
        "versions": found["versions"],
        "commit": found["commit"],
        "uncommitted_changes": found["uncommitted_changes"],
    }
