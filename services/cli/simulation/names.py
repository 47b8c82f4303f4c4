"""What people are called: names by culture, and the places they live in.

Every name is common and every person that is made of them is invented. Cultures differ in what makes
names hard for machines: accents, particles, apostrophes, two family names, married names, suffixes.
"""

import dataclasses
from typing import Final

__all__ = ["CULTURES", "STREETS", "TOWNS", "Culture"]


@dataclasses.dataclass(frozen=True, slots=True)
class Culture:
    """How people of one culture are called.

    Attributes:
        share: weight among all households.
        language: ISO 639 code and its name.
        two_families: children bear a family name of each parent.
        keeps_name: married women keep the family name they were born with.
    """

    name: str
    share: int
    language: tuple[str, str]
    families: tuple[str, ...]
    female: tuple[str, ...]
    male: tuple[str, ...]
    two_families: bool = False
    keeps_name: bool = False


CULTURES: Final = (
    Culture(
        "english", 30, ("en", "English"),
        ("Smith", "Johnson", "Clarke", "Whitfield", "Brown", "Taylor", "Wood", "Harris", "Baker",
         "Fletcher", "Hughes", "Marsh", "Bennett", "Carter-Lowe", "Price", "Ashworth", "Lee"),
        ("Emily", "Sarah", "Olivia", "Grace", "Margaret", "Ann", "Anne", "Ruth", "Hannah", "Jane",
         "Mary Ann", "Katherine", "Catherine", "Lucy", "Beth", "Elizabeth"),
        ("John", "James", "William", "Robert", "Michael", "Jon", "Thomas", "Edward", "George",
         "Daniel", "Peter", "Samuel", "Jack", "Charles", "Bill"),
    ),
    Culture(
        "irish", 5, ("en", "English"),
        ("O'Brien", "O'Connor", "McCarthy", "Mac Gabhann", "Ní Bhriain", "Fitzgerald", "Byrne"),
        ("Siobhán", "Aoife", "Niamh", "Bríd", "Róisín", "Nora"),
        ("Seán", "Pádraig", "Conor", "Liam", "Eoin", "Declan"),
    ),
    Culture(
        "german", 14, ("de", "German"),
        ("Müller", "Schäfer", "Groß", "von der Heide", "Weiß", "Jäger", "Krüger", "Schmidt",
         "Mueller", "Bauer", "Zöllner", "Lindemann-Koch"),
        ("Jürgenne", "Anneliese", "Käthe", "Sabine", "Ursula", "Heike", "Anna-Lena", "Gudrun"),
        ("Jürgen", "Günther", "Hans-Peter", "Wolfgang", "Björn", "Matthias", "Karl", "Jörg"),
    ),
    Culture(
        "spanish", 12, ("es", "Spanish"),
        ("García", "Rodríguez", "Martínez", "López", "Muñoz", "Peña", "de la Cruz", "Núñez",
         "Ibáñez", "Ramírez", "Gómez", "del Río"),
        ("María", "Lucía", "Begoña", "Carmen", "María José", "Inés", "Sofía", "Pilar"),
        ("José", "Andrés", "Íñigo", "Javier", "Raúl", "Jesús", "Ángel", "José María"),
        two_families=True,
        keeps_name=True,
    ),
    Culture(
        "portuguese", 5, ("pt", "Portuguese"),
        ("da Silva", "dos Santos", "Gonçalves", "Simões", "Araújo", "de Sá", "Leão"),
        ("Conceição", "Inês", "Beatriz", "Assunção", "Joana"),
        ("João", "Simão", "António", "Tomé", "Luís"),
        two_families=True,
    ),
    Culture(
        "french", 7, ("fr", "French"),
        ("Lefèvre", "de La Tour", "Dupré", "Gauthier", "L'Hermite", "Benoît", "Chevallier"),
        ("Zoé", "Hélène", "Anne-Sophie", "Françoise", "Cécile", "Maëlle"),
        ("François", "Jérôme", "Jean-Baptiste", "Noël", "Loïc", "Étienne"),
    ),
    Culture(
        "dutch", 4, ("nl", "Dutch"),
        ("van der Berg", "de Vries", "van 't Hof", "ter Horst", "van den Broek", "Jansen"),
        ("Femke", "Sanne", "Marloes", "Noëlle"),
        ("Daan", "Sjoerd", "Ruben", "André"),
    ),
    Culture(
        "nordic", 4, ("da", "Danish"),
        ("Sørensen", "Åkesson", "Bjørnsen", "Öberg", "Ødegård", "Lindqvist"),
        ("Åse", "Märta", "Solveig", "Bodil"),
        ("Søren", "Håkon", "Göran", "Lars"),
    ),
    Culture(
        "polish", 5, ("pl", "Polish"),
        ("Wójcik", "Kowalczyk", "Łukasik", "Dąbrowski", "Świątek", "Zieliński"),
        ("Małgorzata", "Agnieszka", "Zofia", "Łucja"),
        ("Łukasz", "Paweł", "Grzegorz", "Stanisław"),
    ),
    Culture(
        "turkish", 4, ("tr", "Turkish"),
        ("Y\u0131lmaz", "Öztürk", "Çelik", "Şahin", "Doğan", "K\u0131l\u0131\u00e7"),
        ("Ayşe", "Gülşen", "Fatma", "Çiğdem"),
        ("Mehmet", "İbrahim", "Oğuz", "Çağlar"),
    ),
    Culture(
        "arabic", 4, ("ar", "Arabic"),
        ("Al-Hassan", "El Amrani", "Abd al-Rahman", "bin Saeed", "Haddad", "Khoury"),
        ("Fatima", "Aisha", "Layla", "Nour", "Umm Kulthum"),
        ("Mohammed", "Muhammad", "Ahmad", "Yusuf", "Abdul Aziz"),
        keeps_name=True,
    ),
    Culture(
        "vietnamese", 3, ("vi", "Vietnamese"),
        ("Nguyễn", "Trần", "Lê", "Phạm", "Đặng", "Võ"),
        ("Thị Hương", "Ánh", "Mai", "Thị Lan"),
        ("Văn Minh", "Đức", "Quốc Bảo", "Hùng"),
        keeps_name=True,
    ),
    Culture(
        "chinese", 3, ("zh", "Chinese"),
        ("Wang", "Li", "Zhang", "Chen", "Ou-Yang", "Lü"),
        ("Xiaomei", "Li Na", "Yan", "Mei"),
        ("Wei", "Jian Guo", "Lei", "Xiaoming"),
        keeps_name=True,
    ),
)  # fmt: skip

STREETS: Final = (
    "Harbor Road", "Mill Lane", "Station Street", "Church Hill", "Orchard Way", "Kettle Street",
    "Lantern Lane", "Quay Walk", "Teasel Close", "Weaver Court", "Lindenstraße", "Rue de l'Écluse",
)  # fmt: skip

TOWNS: Final = (
    ("Inkwell", "00012"), ("Doilyton", "00022"), ("Harborough Quay", "00031"),
    ("Upper Thimble", "00045"), ("Saint-Édouard", "00058"),
)  # fmt: skip
