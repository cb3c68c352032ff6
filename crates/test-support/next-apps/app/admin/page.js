import { MARKER } from '../../marker';
import { reveal } from './actions';
import Reveal from './reveal';

export default function Page() {
  return <main><h1>{MARKER}</h1><Reveal /><form action={reveal}><button>Form</button></form></main>;
}
