"""Believable movie titles, composed from word lists; every title with its year is unique."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_ADJECTIVES = """
Silent Crimson Broken Hidden Golden Distant Midnight Frozen Burning Lonely Velvet Hollow Wild Forgotten
Restless Bitter Electric Paper Iron Silver Last First Second Stolen Quiet Endless Secret Painted Savage
Gentle Crooked Scarlet Northern Southern Invisible Shattered Perfect Dangerous Innocent Wicked Sleeping
Floating Fallen Rising Borrowed Blind Brave Modern Ancient Final Little Long Cold Warm Dark Bright Empty
Lost Strange Impossible Unfinished Reluctant Accidental Honest Faithful Wandering Drowning Whispering
Laughing Emerald Copper Glass Wooden Thirsty Stubborn Careless Ordinary Magnificent Haunted Weeping
Dancing
"""
_NOUNS = """
Harbor River Garden Mirror Station Letter Summer Winter Kingdom Stranger Witness Bridge Shadow Orchard
Lantern Island Promise Detective Dancer Captain Widow Gambler Painter Soldier Thief Prince Daughter
Brother Neighbor Teacher Carnival Desert Mountain Forest Ocean Storm Voyage Journey Wedding Funeral Trial
Verdict Heist Masquerade Symphony Lullaby Ballad Waltz Duel Empire Frontier Horizon Lighthouse Tower
Castle Cottage Hotel Motel Diner Factory Railway Highway Crossing Tunnel Canyon Valley Meadow Swamp
Glacier Volcano Comet Planet Galaxy Satellite Machine Engine Clock Compass Map Key Door Window Staircase
Attic Cellar Library Museum Theater Circus Parade Festival Harvest Autumn Spring Twilight Dawn Midnight
Echo Whisper Scream Secret Riddle Puzzle Labyrinth Wolf Raven Falcon Tiger Panther Serpent Scorpion
Sparrow Swan Heron Fox Hound Stallion Butterfly Orchid Rose Thorn Ember Ash Smoke Mist Thunder Rain Snow
Tide Anchor Sail Pirate Mermaid Ghost Phantom Vampire Monster Giant Wizard Oracle Pilgrim Nomad Hermit
Rebel Outlaw Sheriff Ranger Senator Ambassador Spy Agent Messenger Courier Tailor Baker Butcher Carpenter
Fisherman Farmer Miner Surgeon Nurse Pilot Sailor Swimmer Boxer Jockey Champion Rival Twin Orphan Heir
Impostor Accomplice Fugitive Hostage Prisoner Survivor
"""
_PLACES = """
Orléans, Málaga, Köln, San Telmo, Bern, Québec, Lisbon, the Valley, the North, Avalon, Tangier, Zürich,
Kyoto, the Moon, Genoa, the Border, the Delta, Malmö, Trieste, Santa Fé, Casablanca Road, the Old Town,
Odessa, Salzburg, the Lowlands, Perth, Dover, Galway, the Pier, Coímbra, Memphis, Havana, Bombay,
Shanghai, Warsaw, Budapest, Vienna, Marseille, the Canal, the Reef, the Savanna, the Steppe, Düsseldorf,
Besançon, Reykjavík, Porto, Bergen, Tampa, El Paso, the Badlands
"""
_NAMES = """
Zoé Jürgen Martha Henry Amélie Oscar Lucía Björn Clara Victor Inés Walter Agnes Theo Noémie Samuel Greta
Felix Ruth Hugo Iris Conrad Dolores Edgar Flora Gustav Harriet Ivan Josephine Karl Leonora Magnus Nadia
Otto Pearl Quentin Renée Silas Tessa Ulrich Vera Wanda Xavier Yvonne Zelda Abel Beatrice Cyrus Daphne
Elias
"""
_ROMAN = np.array(["", " II", " III", " IV", " V"], dtype=object)


def draw_titles(year: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.object_]:
    """Compose a title for every movie.

    Parameters
    ----------
    year : ndarray of int64, shape (M,)
        Release years; they stand in parentheses at the end, as MovieLens writes them.

    Returns
    -------
    ndarray of str objects, shape (M,)
        All different; only characters that latin-1 has; some hold commas, some double quotes.
    """
    stem, article = _names(len(year), rng)
    # The second movie of one name is its sequel; past the fifth they are numbered parts.
    turn = pd.Series(stem).groupby(stem + article).cumcount().to_numpy()
    numbered = " Part " + (turn + 1).astype(str).astype(object)
    part = np.where(turn < len(_ROMAN), _ROMAN[np.minimum(turn, len(_ROMAN) - 1)], numbered)
    return np.asarray(stem + part + article + " (" + year.astype(str).astype(object) + ")")


def _names(movies: int, rng: np.random.Generator) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Names, not yet unique, and the article that follows some after a comma."""

    def words(text: str, separator: str | None = None) -> NDArray[np.object_]:
        choices = np.array([" ".join(word.split()) for word in text.split(separator)], dtype=object)
        return choices[rng.integers(0, len(choices), movies)]

    adjective, noun, other, name = words(_ADJECTIVES), words(_NOUNS), words(_NOUNS), words(_NAMES)
    place = words(_PLACES, ",")
    patterns = [
        "The " + adjective + " " + noun,
        adjective + " " + noun,
        adjective + " " + noun + " of " + place,
        noun + " of " + place,
        name + " and the " + adjective + " " + noun,
        adjective + " " + noun + ", " + adjective + " " + other,
        noun + " in " + place,
        name + "'s " + adjective + " " + noun,
        name + ' "' + noun + '" ' + other,
        "A " + noun + " for " + name,
        adjective + " " + noun + " and the " + other,
    ]
    article = np.array(["", ", The", "", ", The", "", "", "", "", "", "", ""], dtype=object)
    share = np.array([14, 14, 14, 8, 9, 5, 5, 10, 2, 5, 14]) / 100
    pattern = rng.choice(len(patterns), movies, p=share)
    return np.choose(pattern, patterns), article[pattern]
