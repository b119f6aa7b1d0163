/** Names for containers that nobody named: a kind of bridge and a river that such a bridge crosses. */

const BRIDGES = [
  'arched', 'balanced', 'beamed', 'braced', 'broad', 'cabled', 'cantilevered', 'covered', 'curved', 'floating',
  'folding', 'hanging', 'high', 'hinged', 'humped', 'laced', 'latticed', 'lifted', 'long', 'mossy', 'narrow',
  'old', 'paved', 'pinned', 'quiet', 'riveted', 'roped', 'rolling', 'silver', 'slender', 'steel', 'stone', 'sunlit',
  'suspended', 'swinging', 'tall', 'tied', 'tilting', 'timbered', 'trussed', 'vaulted', 'walled', 'wide', 'windy',
];
const RIVERS = [
  'adda', 'aare', 'allier', 'amazon', 'arno', 'congo', 'danube', 'dordogne', 'douro', 'drina', 'ebro', 'elbe',
  'firth', 'garonne', 'indus', 'inn', 'isar', 'kwai', 'loire', 'lot', 'main', 'mekong', 'meuse', 'moldau', 'neckar',
  'neva', 'niger', 'nile', 'oder', 'orinoco', 'po', 'rhine', 'rhone', 'saone', 'seine', 'severn', 'spree', 'tagus',
  'tarn', 'thames', 'tiber', 'tyne', 'vienne', 'volga', 'yangtze', 'yarra', 'zambezi',
];

/** A name for 32 bits of chance; `attempt` counts from 0 and adds a number once the plain name is taken. */
export function generatedName(chance: number, attempt: number): string {
  const bridge = BRIDGES[chance % BRIDGES.length]!;
  const river = RIVERS[Math.floor(chance / BRIDGES.length) % RIVERS.length]!;
  return `${bridge}_${river}${attempt === 0 ? '' : attempt}`;
}
