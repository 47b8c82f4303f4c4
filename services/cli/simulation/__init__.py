"""A hospital that never was: believable patients, their encounters and results, as their systems send them.

    hospital                   messages in the order of delivery, and the truth about them
    world, agenda              what all processes share; simulated time
    lives, courses, requests   what happens to persons, during stays, and after orders
    people, names, numbers     who they are, and how systems number them
    care, assays               reasons to come; medicines, pictures, laboratory tests
    stays, orders              encounters and orders, as they really are
    systems, segments          dialects, and segments that several systems write
    registration, orders, laboratory, imaging, departments   what each system writes
    dirt, soiling              what goes wrong on the way
    folder, run                messages as files; a run of the command, which writes or sends

Nothing here does I/O but the last two. `plexus simulate` and tests stand on it.
"""

from services.cli.simulation.dirt import KINDS, spread
from services.cli.simulation.hospital import FIRST_DAY, Hospital, Simulated
from services.cli.simulation.systems import SYSTEMS
from services.cli.simulation.world import Fact

__all__ = ["FIRST_DAY", "KINDS", "SYSTEMS", "Fact", "Hospital", "Simulated", "spread"]
