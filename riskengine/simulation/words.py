"""What people type into the simulated shop, awkward characters included."""

SEARCHES = (
    "oak table", "floor lamp", "wool rug", "men's desk chair", "kids bed 90x200", "drop leaf table",
    "lampe d'appoint", "küchenregal weiß", "sofa & armchair set", "50% off", "shelf <30cm",
    "script font poster", "union jack mug", "select sofa", "c+b stool", "5\" hooks", "bed -metal",
    "garden bench (oak)", "candles; red", "stuhl", "おしゃれ ランプ", "desk or shelf", "#12 screws",
    "rug 2m*3m", "table under 200$", "grey/white curtains", "oslo", "mirror round", "tv unit",
)  # fmt: skip
NAMES = (
    "Ada Reuter", "Bilal O'Hara", "Chloé Lefèvre", "Dorota Nowak", "Emil Sørensen", "Fatou Diop",
    "Giulia D'Amico", "Hana Sato", "Ivo van der Berg", "Jürgen Weiß", "Kay Smith-Jones", "Li Na",
)  # fmt: skip
STREETS = (
    "12 Mill Lane", "Lindenstraße 7", "4 rue de l'Église", "Via Roma 18/B", "Apt #5, 90 High St.",
    "ul. Długa 33 m. 2", "Storgata 1", "1-2-3 Sakuramachi",
)  # fmt: skip
CITIES = ("York", "Köln", "Saint-Étienne", "L'Aquila", "Łódź", "Tromsø", "Osaka", "Den Haag")
PASSWORDS = ("sunny-garden-41", "Tr0mbone&Tea", "correct=horse", "p%4ssw0rd!", "blaue Tür 9")
