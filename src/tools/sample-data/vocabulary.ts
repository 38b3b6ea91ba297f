/** Given names from many places. */
export const givenNames = words(`
  Aaliyah Abdul Adaeze Aiko Alejandra Amara Amir Ana Andrzej Anika Anna Antonio Arjun Astrid Ayesha Beatriz Bilal Björn Bongani
  Camila Carlos Chen Chiara Chloe Clara Dagmar Daniel Daria Diego Dimitri Ebele Eleni Elif Emeka Emilia Emma Esteban Fatima
  Felix Fiona Francesca Freya Gabriel Giulia Grace Hamza Hana Hassan Helena Hiroshi Hugo Ibrahim Imani Ines Ingrid Isabella
  Ivan Jamal Jana Jasmine Joao Johanna Jonas Josephine Juan Kaito Karim Katarina Kenji Kofi Laila Lars Leila Leonie Liam Lina
  Lucas Lucia Magnus Malik Marco Maria Mateo Maya Mei Mehmet Mia Miguel Mila Mohammed Nadia Naomi Nia Nikolai Noah Nora Olga
  Oliver Omar Owen Paolo Petra Priya Rafael Rania Ravi Rosa Rukmini Samir Sana Sara Sebastian Shreya Silvia Sofia Stefan Sven
  Tamar Tariq Tatiana Thabo Theo Thandiwe Tomas Uma Valentina Victor Wanjiru Wei Xavier Yara Yasmin Youssef Yuki Yusuf Zainab
  Zanele Zeynep Zoe Zofia`);

/** Family names from many places. */
export const familyNames = words(`
  Abebe Adeyemi Ahmed Almeida Andersen Baker Banerjee Becker Bello Bianchi Boateng Brown Campbell Castillo Chandra Cohen Costa
  Cruz Davies Demir Diallo Dubois Eriksson Evans Farouk Fernandez Ferrari Fischer Flores Fujita Garcia Georgiou Gonzalez Greene
  Gupta Haddad Hansen Hashimoto Hernandez Horvat Hussain Ibarra Ivanova Jackson Jansen Johnson Kamau Kaplan Kaya Khan Kim
  Kovacs Kowalska Kumar Larsen Lee Lehmann Lindqvist Lopez Mahmoud Mancini Martin Mbeki Mehta Mendoza Meyer Moreau Morales
  Moyo Mueller Murphy Mwangi Nakamura Ndlovu Nguyen Nielsen Novak Nwosu Obi Okafor Okonkwo Oliveira Olsen Ortiz Osei Papadaki
  Park Patel Pereira Petrov Popescu Quispe Ramirez Rao Reid Rivera Roberts Rossi Rousseau Ruiz Sandoval Santos Sato Schmidt
  Schneider Sharma Silva Singh Smith Sokolov Suzuki Svensson Takahashi Tanaka Taylor Thomas Torres Tran Tshabalala Vargas Vega
  Virtanen Walker Wang Weber Williams Wilson Wright Yamamoto Yilmaz Zhang Zulu`);

/** The topics that are taught, by department. */
export const topics: Readonly<Record<string, readonly string[]>> = {
  Mathematics: [
    'Linear Algebra',
    'Calculus',
    'Probability',
    'Number Theory',
    'Topology',
    'Discrete Mathematics',
    'Statistics',
    'Real Analysis',
  ],
  'Computer Science': [
    'Algorithms',
    'Databases',
    'Operating Systems',
    'Computer Networks',
    'Machine Learning',
    'Compilers',
    'Programming',
    'Distributed Systems',
    'Computer Graphics',
    'Information Security',
  ],
  Physics: ['Mechanics', 'Electromagnetism', 'Quantum Mechanics', 'Thermodynamics', 'Optics', 'Astrophysics'],
  Biology: ['Cell Biology', 'Genetics', 'Ecology', 'Evolution', 'Microbiology', 'Neuroscience', 'Marine Biology'],
  Chemistry: ['Organic Chemistry', 'Inorganic Chemistry', 'Physical Chemistry', 'Biochemistry', 'Materials Science'],
  History: [
    'Ancient History',
    'Medieval Europe',
    'The Ottoman Empire',
    'Colonial Africa',
    'Modern East Asia',
    'The Cold War',
  ],
  Literature: [
    'Comparative Literature',
    'Poetry',
    'The Novel',
    'Shakespeare',
    'Postcolonial Writing',
    'Creative Writing',
  ],
  Languages: ['Spanish', 'French', 'German', 'Arabic', 'Mandarin Chinese', 'Japanese', 'Swahili', 'Latin'],
  Economics: [
    'Microeconomics',
    'Macroeconomics',
    'Econometrics',
    'Game Theory',
    'Development Economics',
    'Public Finance',
  ],
  Psychology: [
    'Cognitive Psychology',
    'Social Psychology',
    'Developmental Psychology',
    'Perception',
    'Behavioural Science',
  ],
  Philosophy: ['Ethics', 'Logic', 'Epistemology', 'Political Philosophy', 'Philosophy of Science'],
  Arts: ['Art History', 'Drawing', 'Photography', 'Music Theory', 'Film Studies', 'Architecture'],
  Law: ['Constitutional Law', 'Contract Law', 'Human Rights', 'International Law', 'Environmental Law'],
  Engineering: [
    'Structural Engineering',
    'Fluid Dynamics',
    'Control Systems',
    'Robotics',
    'Signal Processing',
    'Renewable Energy',
  ],
  Health: ['Public Health', 'Nutrition', 'Epidemiology', 'Anatomy', 'Physiology', 'Nursing Practice'],
};

/** Returns the titles that a topic can have, each with its weight. */
export const titleForms: readonly { readonly form: (topic: string) => string; readonly appeal: number }[] = [
  { form: topic => topic, appeal: 1 },
  { form: topic => `Introduction to ${topic}`, appeal: 3 },
  { form: topic => `Advanced ${topic}`, appeal: 0.5 },
  { form: topic => `Seminar in ${topic}`, appeal: 0.2 },
  { form: topic => `${topic}: Theory and Practice`, appeal: 0.8 },
];

/** Returns the descriptions that a course can have. */
export const descriptionForms: readonly ((topic: string, department: string) => string)[] = [
  topic => `${topic} from first principles, with weekly exercises and a written exam.`,
  (topic, department) =>
    `A core course of the ${department} department. Lectures, readings and a term paper on ${topic}.`,
  topic => `A hands-on course: small groups, two projects and an oral presentation. Some knowledge of ${topic} helps.`,
  (topic, department) =>
    `Open to all. What ${topic} is about, where it came from, and how ${department} uses it today.`,
  topic => `Current questions in ${topic}, discussed over recent papers. Twelve sessions, one essay.`,
];

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
