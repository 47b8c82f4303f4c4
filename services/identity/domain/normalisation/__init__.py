"""What a message says of a person, in the form in which it is compared. Pure.

`letters` folds text; `names`, `dates`, `places`, `contacts` and `national` each read one kind of fact,
and give nothing where a placeholder stands for it; `features` puts them together. The version is a hash
over all of it.
"""

from services.identity.domain.normalisation.contacts import read_email, read_phone
from services.identity.domain.normalisation.dates import BirthDate, read_birth_date
from services.identity.domain.normalisation.features import (
    Features,
    features_of,
    normalisation_version,
)
from services.identity.domain.normalisation.letters import fold, sound
from services.identity.domain.normalisation.name_tables import roots
from services.identity.domain.normalisation.names import PersonName, read_name
from services.identity.domain.normalisation.national import NationalId, is_sound_number
from services.identity.domain.normalisation.places import (
    PostalAddress,
    read_address,
    read_postal_code,
)

__all__ = [
    "BirthDate",
    "Features",
    "NationalId",
    "PersonName",
    "PostalAddress",
    "features_of",
    "fold",
    "is_sound_number",
    "normalisation_version",
    "read_address",
    "read_birth_date",
    "read_email",
    "read_name",
    "read_phone",
    "read_postal_code",
    "roots",
    "sound",
]
