import { MARKER } from '../../../marker';

export default function Page() {
  return <h1>{MARKER} photo</h1>;
}
